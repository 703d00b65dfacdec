"""The lab's machines as Python sees them: commands by SSH, power and snapshots by libvirt.

Only for programs that run inside the lab (lab/enter).
"""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fleet.load import load

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / "lab/.state"
INVENTORY = "inventories/lab.yml"

ALONE = [
    *("ssh", "-F", "none", "-q", "-i", str(STATE / "id_ed25519")),
    *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
    *("-o", "ConnectTimeout=8", "-o", "ServerAliveInterval=4", "-o", "ServerAliveCountMax=3"),
]
# One connection for many commands: a new one takes an emulated guest seconds.
SSH = [
    *ALONE,
    *("-o", "ControlMaster=auto", "-o", f"ControlPath={STATE}/ssh-%h", "-o", "ControlPersist=120"),
]


class CommandFailed(AssertionError):
    """A command on a machine failed; says which, where, and what it printed."""


@dataclass(frozen=True)
class Machine:
    """One guest.

    through: another one, by which it is reached; if it is None, its address is reached directly
    """

    name: str
    address: str
    through: "Machine | None" = None

    def try_sh(
        self, command: str, stdin: bytes = b"", timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command as root; its exit status is the caller's to look at.

        timeout: seconds, after which subprocess.TimeoutExpired is raised
        """
        remote = f"sudo sh -c {shlex.quote(command)}"
        return subprocess.run(
            [*SSH, *self._way, f"vagrant@{self.address}", remote],
            input=stdin, capture_output=True, timeout=timeout, check=False,
        )  # fmt: skip

    @property
    def _way(self) -> list[str]:
        if self.through is None:
            return []
        # Not shared: the socket would be named for the machine behind, and taken for the way to it.
        jump = [*ALONE, "-W", "%h:%p", f"vagrant@{self.through.address}"]
        return ["-o", f"ProxyCommand={shlex.join(jump)}"]

    def sh(self, command: str, stdin: bytes = b"", timeout: float = 120) -> str:
        """Run a command as root and give what it printed. Raises CommandFailed."""
        done = self.try_sh(command, stdin, timeout)
        if done.returncode != 0:
            printed = (done.stderr + done.stdout).decode(errors="replace")
            raise CommandFailed(f"{self.name}: {command}: exit {done.returncode}\n{printed}")
        return done.stdout.decode(errors="replace").rstrip("\n")

    def answers(self) -> bool:
        """Whether a command can be run there now."""
        try:
            return self.try_sh("true", timeout=10).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def wait_until_up(self, seconds: float = 240) -> None:
        """Wait for SSH. Raises AssertionError after that time."""
        wait_for(self.answers, f"{self.name} answers by SSH", seconds)

    def boot_id(self) -> str:
        return self.sh("cat /proc/sys/kernel/random/boot_id")

    def reboot(self) -> None:
        """Reboot in good order and wait for SSH."""
        before = self.boot_id()
        self.try_sh("systemctl reboot --no-block")
        self.disconnect()

        def rebooted() -> bool:
            self.disconnect()
            # The old system may answer once more, and be gone for the next question.
            with suppress(CommandFailed, subprocess.TimeoutExpired):
                return self.answers() and self.boot_id() != before
            return False

        wait_for(rebooted, f"{self.name} has rebooted", 300)

    def power_off(self) -> None:
        """Pull the plug."""
        virsh("destroy", self.domain)
        self.disconnect()

    def power_on(self) -> None:
        virsh("start", self.domain)

    def suspend(self) -> None:
        """Stop its processor, so that it takes no time from the others; restore resumes it."""
        if virsh("domstate", self.domain).strip() == "running":
            virsh("suspend", self.domain)
        self.disconnect()

    def resume(self) -> None:
        if virsh("domstate", self.domain).strip() == "paused":
            virsh("resume", self.domain)

    def reset(self) -> None:
        """Press the reset button: the kernel gets no chance to write anything."""
        virsh("reset", self.domain)
        self.disconnect()

    def disconnect(self) -> None:
        """Forget the shared SSH connection, which a reboot or restore leaves hanging."""
        socket = STATE / f"ssh-{self.address}"
        if socket.exists():
            subprocess.run([*SSH, "-O", "exit", self.address], capture_output=True, check=False)
            socket.unlink(missing_ok=True)

    def has_snapshot(self, name: str) -> bool:
        return name in virsh("snapshot-list", "--name", self.domain).split()

    def snapshot(self, name: str) -> None:
        """Keep memory and disks under this name, in place of an older snapshot of that name."""
        if self.has_snapshot(name):
            virsh("snapshot-delete", self.domain, name)
        virsh("snapshot-create-as", self.domain, name)

    def restore(self, name: str) -> None:
        """Go back to that snapshot, running, with the clock set to now."""
        virsh("snapshot-revert", self.domain, name, "--running", "--force")
        self.disconnect()
        self.wait_until_up()
        self.sh(f"date -s @{time.time():.3f} >/dev/null")

    @property
    def domain(self) -> str:
        return f"lab_{self.name}"


def virsh(*arguments: str) -> str:
    """Run virsh in the lab. Raises CommandFailed."""
    done = subprocess.run(["virsh", "-q", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandFailed(f"virsh {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def machine(name: str) -> Machine:
    """The machine of that name in inventories/lab.yml. Raises KeyError."""
    return Machine(name, str(load(Path(INVENTORY)).host(name).address))


def running() -> list[Machine]:
    """The machines that lab/up has started."""
    return [machine(name) for name in (STATE / "running").read_text().split()]


def together(machines: Iterable[Machine], action: Callable[[Machine], object]) -> None:
    """Do the same to several machines at a time; the first exception is raised."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(action, machines))


def wait_for(condition: Callable[[], bool], what: str, seconds: float) -> None:
    """Wait until the condition holds. Raises AssertionError that says what did not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.5)


def pyinfra(
    *arguments: str, timeout: float = 900, directory: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run pyinfra on the lab's inventory: pyinfra("deploy.py", "-y").

    directory: where the project is, or a changed copy of it
    """
    return _run(["pyinfra", "inventories/lab.py", *arguments], timeout, directory)


def python(
    *arguments: str, timeout: float = 900, directory: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run a program of the project, or of a changed copy of it: python("-m", "tests.bench")."""
    return _run(["python", *arguments], timeout, directory)


def _run(words: Sequence[str], timeout: float, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / ".venv/bin" / words[0]), *words[1:]],
        cwd=directory, capture_output=True, text=True, timeout=timeout, check=False,
        stdin=subprocess.DEVNULL, env={**os.environ, "PYINFRA_PROGRESS": "off"},
    )  # fmt: skip
