"""The lab's machines as Python sees them: commands by SSH, power, snapshots.

Only for programs that run inside the lab (lab/enter).
"""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path

from fleet import LAB_STATE
from fleet.load import load
from lab.command import CommandFailed, wait_for
from lab.container import Container, is_container
from lab.guest import Guest
from lab.power import Power
from lab.steps import step

ROOT = Path(__file__).resolve().parents[1]
STATE = LAB_STATE
INVENTORY = "inventories/lab.yml"

ALONE = [
    *("ssh", "-F", "none", "-q", "-i", str(STATE / "id_ed25519")),
    *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
    *("-o", "ConnectTimeout=8", "-o", "ServerAliveInterval=4", "-o", "ServerAliveCountMax=3"),
]
# One connection for many commands, because a new one takes an emulated guest seconds.
SSH = [
    *ALONE,
    *("-o", "ControlMaster=auto", "-o", f"ControlPath={STATE}/ssh-%h", "-o", "ControlPersist=120"),
]
# systemctl's words, from systemd's src/shared/bus-wait-for-jobs.c.
FAILED_JOB = re.compile(r"^Job for (\S+) failed", re.MULTILINE)


@dataclass(frozen=True)
class Machine:
    """A machine of the lab, whatever kind it is.

    through: the machine that SSH goes through to reach this one; None if SSH goes to the address
    """

    name: str
    address: str
    power: Power
    through: "Machine | None" = None

    def try_sh(
        self, command: str, stdin: bytes = b"", timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command as root; the caller looks at the exit status.

        timeout: seconds, after which subprocess.TimeoutExpired is raised
        """
        remote = f"sudo sh -c {shlex.quote(command)}"
        with step("command", f"{self.name}: {' '.join(command.split())}"):
            return subprocess.run(
                [*SSH, *self._way, f"vagrant@{self.address}", remote],
                input=stdin, capture_output=True, timeout=timeout, check=False,
            )  # fmt: skip

    @property
    def _way(self) -> list[str]:
        if self.through is None:
            return []
        # ALONE, and not SSH: the outer ssh would put the target's address for %h into this
        # ControlPath, and then take the socket for a connection to the target.
        jump = [*ALONE, "-W", "%h:%p", f"vagrant@{self.through.address}"]
        return ["-o", f"ProxyCommand={shlex.join(jump)}"]

    def sh(self, command: str, stdin: bytes = b"", timeout: float = 120) -> str:
        """Run a command as root; returns what it printed. Raises CommandFailed."""
        done = self.try_sh(command, stdin, timeout)
        if done.returncode != 0:
            printed = (done.stderr + done.stdout).decode(errors="replace") + self._why(done.stderr)
            raise CommandFailed(f"{self.name}: {command}: exit {done.returncode}\n{printed}")
        return done.stdout.decode(errors="replace").rstrip("\n")

    def _why(self, stderr: bytes) -> str:
        # systemctl names the unit that failed, and leaves the cause to the journal of a machine
        # that is put back before anybody can read it.
        units = FAILED_JOB.findall(stderr.decode(errors="replace"))
        asked = [f"--unit={shlex.quote(unit)}" for unit in units]
        if not asked:
            return ""
        journal = self.try_sh(f"journalctl --no-pager --lines 40 {' '.join(asked)}").stdout
        return journal.decode(errors="replace")

    def answers(self) -> bool:
        """Whether the machine runs a command now."""
        try:
            return self.try_sh("true", timeout=10).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def wait_until_up(self, seconds: float = 240) -> None:
        """Wait until SSH answers. Raises AssertionError after so many seconds."""
        wait_for(self.answers, f"{self.name} answers by SSH", seconds)

    def boot_id(self) -> str:
        return self.sh("cat /proc/sys/kernel/random/boot_id")

    def reboot(self) -> None:
        """Reboot in good order and wait for SSH."""
        with step("reboot", self.name):
            self._reboot()

    def _reboot(self) -> None:
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
        self.power.off()
        self.disconnect()

    def power_on(self) -> None:
        self.power.on()

    def suspend(self) -> None:
        """Stop the processor, so that it takes no time from the others; `restore` resumes it."""
        self.power.suspend()
        self.disconnect()

    def resume(self) -> None:
        self.power.resume()

    def reset(self) -> None:
        """Press the reset button: no program gets a chance to write anything."""
        self.power.reset()
        self.disconnect()

    def disconnect(self) -> None:
        """Forget the shared SSH connection, which a reboot or restore leaves hanging."""
        socket = STATE / f"ssh-{self.address}"
        if socket.exists():
            subprocess.run([*SSH, "-O", "exit", self.address], capture_output=True, check=False)
            socket.unlink(missing_ok=True)

    def has_snapshot(self, name: str) -> bool:
        return self.power.has_snapshot(name)

    def snapshot(self, name: str) -> None:
        """Keep the machine's state under this name, in place of an older one of that name."""
        with step("snapshot", self.name):
            self.power.snapshot(name)

    def restore(self, name: str) -> None:
        """Go back to that snapshot: the machine runs, with its clock set to now."""
        self.power.restore(name)
        self.disconnect()
        self.wait_until_up()
        if self.power.own_clock:
            self.sh(f"date -s @{time.time():.3f} >/dev/null")


def machine(name: str) -> Machine:
    """The machine of that name in inventories/lab.yml. Raises KeyError."""
    power = Container(name) if is_container(name) else Guest(name)
    return Machine(name, str(load(Path(INVENTORY)).host(name).address), power)


def running() -> list[Machine]:
    """The machines that lab/up has started."""
    return [machine(name) for name in (STATE / "running").read_text().split()]


def together(machines: Iterable[Machine], action: Callable[[Machine], object]) -> None:
    """Do the same to several machines at a time. Raises the first exception."""
    # A thread has no context of its own, and what it does is within the caller's step.
    tasks = [(copy_context(), each) for each in machines]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda task: task[0].run(action, task[1]), tasks))


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
    with step("run", " ".join(words)):
        return subprocess.run(
            [str(ROOT / ".venv/bin" / words[0]), *words[1:]],
            cwd=directory, capture_output=True, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL, env={**os.environ, "PYINFRA_PROGRESS": "off"},
        )  # fmt: skip
