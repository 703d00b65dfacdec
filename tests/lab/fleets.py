"""The lab's machines in the fleets that tests take, with what the operator has of each fleet."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import yaml

from fleet.host_keys import pull_keys, vpn_keys
from fleet.load import load
from lab.hosts import BOARD
from lab.machines import INVENTORY, ROOT, STATE, Machine, machine, pyinfra, running, together
from lab.steps import step
from tests.lab.state import everything
from tests.project import copy_project

VPN_KEYS = STATE / "vpn-keys.yml"
PULL_KEYS = STATE / "pull-keys.yml"
# The public keys that hosts have told the operator.
HOST_KEYS = (vpn_keys(VPN_KEYS), pull_keys(PULL_KEYS))
Data = dict[str, dict[str, Any]]


class Machines:
    """Some of the lab's machines, which converge and go back to snapshots together.

    A snapshot also keeps what the operator has of them: escrow, and the hosts' public keys.
    converged: the name of the snapshot after their first run
    """

    names: tuple[str, ...]
    converged = "converged"

    def __init__(self) -> None:
        self.all = tuple(machine(name) for name in self.names)

    def __getitem__(self, name: str) -> Machine:
        return next(each for each in self.all if each.name == name)

    @classmethod
    def limit(cls) -> list[str]:
        """The options of a run on these: a --limit for each name, as a list matches no host."""
        return [word for name in cls.names for word in ("--limit", name)]

    @property
    def others(self) -> list[Machine]:
        """The machines of the lab that are up and not among these."""
        return [other for other in running() if other.name not in self.names]

    def restore(self, snapshot: str) -> None:
        """Go back to this snapshot, and suspend all other machines, so that they take no time."""
        with step("restore", f"{' '.join(self.names)} {snapshot}"):
            together(self.others, lambda other: other.suspend())
            together(self.all, lambda each: each.restore(snapshot))
        _replace(escrow_directory(), self._kept(snapshot) / "escrow")
        escrow_directory().mkdir(mode=0o700, exist_ok=True)
        for keys in HOST_KEYS:
            _replace(keys.file, self._kept(snapshot) / keys.file.name)

    def restore_newest(self) -> None:
        """Go back to working order: converged, or fresh if these machines never converged."""
        converged = all(each.has_snapshot(self.converged) for each in self.all)
        self.restore(self.converged if converged else "fresh")

    def snapshot(self, name: str) -> None:
        together(self.all, lambda each: each.snapshot(name))
        self._kept(name).mkdir(exist_ok=True)
        _replace(self._kept(name) / "escrow", escrow_directory())
        for keys in HOST_KEYS:
            _replace(self._kept(name) / keys.file.name, keys.file)

    def _kept(self, snapshot: str) -> Path:
        return STATE / f"operator-{snapshot}-of-{self.names[0]}"

    def converge(self, *arguments: str, directory: Path = ROOT) -> str:
        """Make a run on these machines that has to succeed; returns its output."""
        done = pyinfra("deploy.py", "-y", *self.limit(), *arguments, directory=directory)
        assert done.returncode == 0, done.stderr[-6000:]
        return done.stderr

    def first_run(self) -> None:
        """Make the first run on fresh machines, and keep what it has made as `converged`."""
        self.restore("fresh")
        self.converge()
        self.snapshot(self.converged)

    def refused(self, directory: Path = ROOT) -> str:
        """Make a run of the project, or of a changed copy, that has to fail; returns its output."""
        done = pyinfra("deploy.py", "-y", *self.limit(), directory=directory)
        assert done.returncode != 0, done.stderr[-6000:]
        assert "Traceback" not in done.stderr, done.stderr[-6000:]
        return done.stderr


def finish(host: Machine, unit: str, timeout: float) -> None:
    """Run a unit that does one thing and ends. Raises CommandFailed with the unit's log."""
    host.sh(
        f"systemctl start {unit}.service || {{ journalctl --sync; "
        f"journalctl -u {unit} -n 30 --no-pager >&2; exit 1; }}",
        timeout=timeout,
    )


class Fleet(Machines):
    """The three machines that the storage tests need."""

    names: tuple[str, ...] = BOARD

    @property
    def storage(self) -> Machine:
        return self.all[0]

    @property
    def staging(self) -> Machine:
        return self.all[1]

    @property
    def prod(self) -> Machine:
        return self.all[2]

    @property
    def boards(self) -> tuple[Machine, ...]:
        return self.all[1:3]


class CopiesPair(Machines):
    """The storage server and the host that keeps the copies, of a fleet that converged as a whole.

    A restore leaves the clients suspended: an emulated guest that does nothing takes time too.
    """

    names: tuple[str, ...] = ("storage1", "offsite1")
    # Another fleet has some of these machines too, with a snapshot `converged` of its own.
    converged = "converged-copies"

    @property
    def storage(self) -> Machine:
        return self["storage1"]

    @property
    def offsite(self) -> Machine:
        return self["offsite1"]

    def snapshot_one_volume(self) -> None:
        """Let sanoid take snapshots of vision-stg1's volume alone.

        The first question of a pull is about all datasets. Each one with a new snapshot then takes
        an emulated pull 25 s.
        """
        self.storage.sh("cat >> /etc/sanoid/sanoid.conf", NO_OTHER_VOLUME.encode())

    def stop_timers(self) -> None:
        """Stop all that makes copies or drills by itself."""
        together((self.storage, self.offsite), lambda each: each.sh(STOP_TIMERS))


NO_OTHER_VOLUME = """\

[storage/prod/vision-prod1]
autosnap = no

[storage/staging/bare1]
autosnap = no
"""
# A unit that still runs would be taken for the one that a test starts, and two of sanoid's at a
# time take each other's lock away. Timers first: they would start the units again.
STOP_TIMERS = """\
systemctl stop sanoid.timer 'coop-offsite*.timer' 'coop-drill*.timer'
systemctl stop sanoid.service sanoid-prune.service 'coop-offsite*.service' 'coop-drill*.service'"""


class CopiesFleet(Fleet, CopiesPair):
    """The machines of the storage tests, and the host that keeps the copies."""

    names = (*Fleet.names, "offsite1")


class BareMachine(Machines):
    """A machine with no role package in its image, which joins another fleet."""

    names = ("bare1",)

    def restore(self, snapshot: str) -> None:
        """Go back to this snapshot. What the operator has stays: it is of the joined fleet."""
        self.all[0].restore(snapshot)


class BackupFleet(Machines):
    """A host that makes sets of its files, and the provider that keeps them."""

    names: tuple[str, ...] = ("files1", "ovh1")

    @classmethod
    def limit(cls) -> list[str]:
        """The options for a run on the host alone: the provider's machine is not the co-op's."""
        return ["--limit", cls.names[0]]

    @property
    def host(self) -> Machine:
        return self.all[0]

    @property
    def provider(self) -> Machine:
        return self.all[1]


class MovingSets(BackupFleet):
    """The same, and a machine with the release before, in whose place the host comes."""

    names = ("files1", "ovh1", "files2")

    @property
    def older(self) -> Machine:
        return self.all[2]


class StandinHost(Machines):
    """A machine with the stand-ins of BigBlueButton's packages, put there by apt and by no run."""

    names = ("meet1",)
    converged = "standins"


class BbbNodes(Machines):
    """Two nodes of BigBlueButton, made by a run, at one balancer."""

    names = ("meet1", "meet2")
    converged = "bbb"


class WebMachine(Machines):
    """A machine with a certificate, on which somebody serves something by hand."""

    names = ("web1",)

    @property
    def host(self) -> Machine:
        return self.all[0]


class VpnFleet(Machines):
    """A hub, and two servers that people reach through the hub."""

    names: tuple[str, ...] = ("vpn1", "bbb1", "bbb2")

    @property
    def hub(self) -> Machine:
        return self.all[0]

    @property
    def servers(self) -> tuple[Machine, ...]:
        return self.all[1:]


class ClosedFleet(VpnFleet):
    """A hub and two servers whose only way in is the VPN: tests reach them through the hub."""

    def __init__(self) -> None:
        super().__init__()
        hosts = load(Path(INVENTORY)).hosts
        assert all(hosts[each.name].only_by_vpn for each in self.servers)
        inside = (
            replace(each, address=addresses(each.name)[0], through=self.hub)
            for each in self.servers
        )
        self.all = (self.hub, *inside)


class Monitored(Protocol):
    """Machines with a monitor among them."""

    all: tuple[Machine, ...]

    @property
    def monitor(self) -> Machine: ...


class MonitoredFleet(VpnFleet):
    """A hub, two servers, a monitor that watches over all of them, and one that watches it."""

    names = (*VpnFleet.names, "monitor1", "watcher1")
    converged = "monitored"

    @property
    def monitor(self) -> Machine:
        return self["monitor1"]

    @property
    def watcher(self) -> Machine:
        return self["watcher1"]


class MonitoredStorage(Fleet):
    """The storage server and two boards, and a monitor that watches over them."""

    names = (*Fleet.names, "monitor1")
    converged = "monitored-storage"

    @property
    def monitor(self) -> Machine:
        return self["monitor1"]


class BareNode(Machines):
    """A machine that becomes a node of BigBlueButton; its image has nothing of that."""

    names = ("meet3",)


class StoredNode(Machines):
    """The storage server, and a node of BigBlueButton that hands its recordings over to it."""

    names = ("storage1", "meet4")
    # The storage tests have a snapshot of the server's too.
    converged = "stored"

    @property
    def storage(self) -> Machine:
        return self.all[0]

    @property
    def node(self) -> Machine:
        return self.all[1]


class HubAndNode(Machines):
    """A hub, and a machine that becomes a node of BigBlueButton whose only way in is the VPN."""

    names = ("vpn1", *BareNode.names)


LIMIT = Fleet.limit()


@dataclass(frozen=True)
class FirstRun:
    """What the first dry run and the first run on the fresh fleet showed."""

    before: dict[str, str]
    after_dry: dict[str, str]
    dry_output: str
    seconds: float


def escrow_directory() -> Path:
    """Where the lab's operator keeps gocryptfs.conf and master keys, a directory for each host."""
    lines = (STATE / "env").read_text().splitlines()
    return Path(dict(line.split("=", 1) for line in lines)["ESCROW_DIRECTORY"])


def changed_project(directory: Path, change: Callable[[Data], None]) -> Path:
    """A copy of the project; `change` gets and changes the lab's hosts, by name as in lab.yml."""
    copy_project(directory)
    state = directory / "lab/.state"
    state.mkdir()
    keys = [each.file.name for each in HOST_KEYS]
    for name in ("id_ed25519", "running", "env", "people.yml", "bbb-apt.asc", "acme-ca.pem", *keys):
        _replace(state / name, STATE / name)
    edit(directory / "inventories/lab.yml", lambda data: change(data["hosts"]))
    return directory


def edit(file: Path, change: Callable[[Any], object]) -> None:
    """Change the YAML in the file: `change` gets the data and changes them in place."""
    data = yaml.safe_load(file.read_text())
    change(data)
    file.write_text(yaml.safe_dump(data))


def look(fleet: Machines) -> dict[str, str]:
    """Everything on each machine that a run could change, and the operator's escrow."""
    escrowed = sorted(file for file in escrow_directory().rglob("*") if file.is_file())
    found = {"escrow": "\n".join(f"{file} {file.stat().st_mtime_ns}" for file in escrowed)}
    together(fleet.all, lambda each: found.update({each.name: everything(each)}))
    return found


def counts(output: str) -> tuple[int, int, int]:
    """How many operations of a run, over all hosts, changed something, failed, or did nothing."""
    total = next(line for line in output.splitlines() if "Grand total" in line).split()
    changed, failed, unchanged = (0 if word == "-" else int(word) for word in total[3:6])
    return changed, failed, unchanged


def converge_alone(name: str, directory: Path = ROOT) -> tuple[int, int]:
    """Make a run on this host alone that has to succeed.

    Returns how many operations changed something, and how many failed.
    """
    done = pyinfra("deploy.py", "-y", "--limit", name, directory=directory)
    assert done.returncode == 0, done.stderr[-4000:]
    changed, failed, _ = counts(done.stderr)
    return changed, failed


def killed_run(machine: Machine, once: str, directory: Path = ROOT) -> None:
    """Start a run on this machine alone, and kill it once the command `once` succeeds there."""
    words = [str(ROOT / ".venv/bin/pyinfra"), "inventories/lab.py", "deploy.py", "-y"]
    # On the machine itself, because a look by SSH takes longer than what is looked for may last.
    look = f"for i in $(seq 200); do if {once}; then exit 0; fi; sleep 0.05; done; exit 1"
    with subprocess.Popen(
        [*words, "--limit", machine.name],
        cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        drained: list[str] = []
        reader = threading.Thread(target=lambda: drained.extend(run.stderr or ()), daemon=True)
        reader.start()
        try:
            while machine.try_sh(look).returncode != 0:
                assert run.poll() is None, f"the run ended too early: {''.join(drained)[-3000:]}"
        finally:
            run.kill()
        reader.join()


def addresses(name: str) -> tuple[str, ...]:
    """A host's addresses in the VPN, IPv4 and IPv6."""
    vpn = load(Path(INVENTORY)).host(name).vpn
    assert vpn is not None
    return vpn.addresses


def stored_key(name: str) -> str:
    """A host's public key of the VPN, as the operator has stored it."""
    return str(yaml.safe_load(VPN_KEYS.read_text())["hosts"][name]["public_key"])


def people_of(project: Path) -> Path:
    """The file of the lab's people in a copy of the project."""
    return project / "lab/.state/people.yml"


HELLO = "import socket; print(socket.create_connection(('{address}', 22), 20).recv(4))"


def reaches(machine: Machine, address: str) -> bool:
    """Whether sshd at the address answers the machine."""
    code = HELLO.format(address=address)
    return b"SSH-" in machine.try_sh(f'python3 -c "{code}"').stdout


def answers(address: str, seconds: float = 5) -> bool:
    """Whether sshd at the address answers here. A link-local address ends in % and interface."""
    with suppress(OSError), socket.create_connection((address, 22), seconds) as connection:
        connection.settimeout(seconds)
        return connection.recv(4) == b"SSH-"
    return False


def _replace(target: Path, source: Path) -> None:
    """Make the target what the source is: a directory, a file, or absent if there is no source."""
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy(source, target)
