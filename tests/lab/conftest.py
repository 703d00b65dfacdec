"""The lab's fleets for the tests: they boot once, and go back to snapshots between tests.

Run inside the lab: make test (the core), make test-lab PART=storage (all of a part).
"""

import fcntl
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.machines import STATE, pyinfra, running, together
from lab.steps import STEPS
from lab.vpn_client import in_vpn
from tests.lab import provider, web_server
from tests.lab.fleets import (
    LIMIT,
    BackupFleet,
    ClosedFleet,
    CopiesFleet,
    CopiesPair,
    FirstRun,
    Fleet,
    MonitoredFleet,
    MonitoredStorage,
    StandinHost,
    VpnFleet,
    WebMachine,
    changed_project,
    look,
)
from tests.lab.homeserver import Homeserver, homeserver
from tests.lab.machines_of import check
from tests.lab.mails import Mails, mail_server
from tests.lab.put_back import put_back
from tests.lab.standins import PACKAGES, install, use


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuses a test that has no part, or whose machines are not known."""
    check(item)


@pytest.fixture(scope="session", autouse=True)
def _lab_taken() -> Iterator[None]:
    """Keeps lab/up and lab/down away, and leaves the machines in working order.

    A test that is killed leaves a mark for the next lab/up.
    """
    unfinished = STATE / "unfinished"
    with (STATE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.exit("another lab/up, lab/down or test is at work in this checkout", 4)
        unfinished.touch()
        yield
        put_back()
        together(running(), lambda each: each.resume())
        unfinished.unlink()


@pytest.fixture(scope="session")
def machines() -> Fleet:
    """The machines that the storage tests need."""
    return Fleet()


@pytest.fixture(scope="session")
def first_run(machines: Fleet) -> FirstRun:
    """A dry run on fresh machines, then the run; a snapshot keeps the state after the run."""
    machines.restore("fresh")
    before = look(machines)
    dry = pyinfra("deploy.py", "--dry", "--diff", *LIMIT)
    assert dry.returncode == 0, dry.stderr[-6000:]
    after_dry = look(machines)
    start = time.monotonic()
    machines.converge()
    seconds = time.monotonic() - start
    machines.snapshot("converged")
    return FirstRun(before, after_dry, dry.stderr, seconds)


@pytest.fixture
def fleet(machines: Fleet, first_run: FirstRun) -> Iterator[Fleet]:
    """The fleet as the first run left it."""
    machines.restore("converged")
    yield machines


@pytest.fixture(scope="session")
def copies_machines() -> CopiesFleet:
    """The machines that the tests of the copies need."""
    return CopiesFleet()


@pytest.fixture(scope="session")
def copies_first_run(copies_machines: CopiesFleet) -> None:
    """Makes the first run on fresh machines; a snapshot keeps the state after the run."""
    copies_machines.first_run()


@pytest.fixture
def copies(copies_machines: CopiesFleet, copies_first_run: None) -> CopiesFleet:
    """The storage server, its clients, the host that keeps copies: as the first run left them."""
    copies_machines.restore(copies_machines.converged)
    return copies_machines


@pytest.fixture
def quiet(copies: CopiesFleet) -> CopiesFleet:
    """The machines of `copies`, with all timers of copies and drills stopped."""
    copies.stop_timers()
    return copies


@pytest.fixture
def pair(copies_first_run: None) -> CopiesPair:
    """The storage server and the host that keeps copies, with timers as in `quiet`."""
    machines = CopiesPair()
    machines.restore(machines.converged)
    machines.stop_timers()
    machines.snapshot_one_volume()
    return machines


@pytest.fixture(scope="session")
def backup_first_run() -> BackupFleet:
    """Sets up the provider, and makes the host's first run; a snapshot keeps the state after it."""
    machines = BackupFleet()
    machines.restore("fresh")
    provider.set_up(machines.provider)
    provider.admit(machines.provider, machines.host)
    machines.converge()
    machines.snapshot(machines.converged)
    return machines


@pytest.fixture
def backups(backup_first_run: BackupFleet) -> BackupFleet:
    """The host and its provider as the first run left them, with the backup's timers stopped."""
    backup_first_run.restore(backup_first_run.converged)
    backup_first_run.host.sh("systemctl stop 'coop-backup*.timer'")
    return backup_first_run


@pytest.fixture(scope="session")
def standins_installed() -> StandinHost:
    """Installs the stand-ins of BigBlueButton 3.0.34; a snapshot keeps the state after that."""
    machines = StandinHost()
    machines.restore("fresh")
    use(machines.all[0], "3.0.34")
    install(machines.all[0], *PACKAGES)
    machines.snapshot(machines.converged)
    return machines


@pytest.fixture
def standins(standins_installed: StandinHost) -> StandinHost:
    """The machine with the stand-ins of 3.0.34 as apt has put them there."""
    standins_installed.restore(standins_installed.converged)
    standins_installed.all[0].sh("systemctl is-system-running --wait", timeout=240)
    return standins_installed


@pytest.fixture(scope="session")
def web_first_run() -> tuple[WebMachine, str]:
    """The machine after its first good run, and the output of the run before nginx was there.

    A snapshot keeps the state.
    """
    machines = WebMachine()
    machines.restore("fresh")
    web_server.install(machines.host)
    refused = machines.refused()
    web_server.nginx(machines.host)
    machines.converge()
    machines.snapshot("converged")
    return machines, refused


@pytest.fixture
def web(web_first_run: tuple[WebMachine, str]) -> WebMachine:
    """A machine whose nginx shows a certificate of the lab's ACME server."""
    machines, _ = web_first_run
    machines.restore("converged")
    return machines


@pytest.fixture(scope="session")
def vpn_machines() -> VpnFleet:
    """The machines that the tests of the VPN need."""
    return VpnFleet()


@pytest.fixture(scope="session")
def vpn_first_run(vpn_machines: VpnFleet) -> str:
    """The output of the first run on fresh machines; a snapshot keeps the state after the run."""
    vpn_machines.restore("fresh")
    output = vpn_machines.converge("-vvv")
    vpn_machines.snapshot("converged")
    return output


@pytest.fixture
def vpn_fleet(vpn_machines: VpnFleet, vpn_first_run: str) -> VpnFleet:
    """The VPN's machines as the first run left them."""
    vpn_machines.restore("converged")
    return vpn_machines


@pytest.fixture(scope="session")
def closing_run(vpn_machines: VpnFleet, vpn_first_run: str) -> str:
    """The output of the first run from within the VPN, which closes SSH on the public side.

    A snapshot keeps the state after the run.
    """
    vpn_machines.restore("converged")
    with in_vpn("ops-hypha-1"):
        output = vpn_machines.converge("--diff")
    ClosedFleet().snapshot("closed")
    return output


@pytest.fixture
def closed_fleet(closing_run: str) -> ClosedFleet:
    """The VPN's machines; the servers' SSH is open from within the VPN alone."""
    machines = ClosedFleet()
    machines.restore("closed")
    return machines


@pytest.fixture(scope="session")
def lab_mails() -> Iterator[Mails]:
    """The lab's mail server."""
    with mail_server() as kept:
        yield kept


@pytest.fixture
def mails(lab_mails: Mails) -> Mails:
    """What comes to the lab's mail server from now on."""
    lab_mails.all.clear()
    lab_mails.refused.clear()
    return lab_mails


@pytest.fixture(scope="session")
def lab_room() -> Iterator[Homeserver]:
    """The lab's homeserver of Matrix."""
    with homeserver() as kept:
        yield kept


@pytest.fixture
def room(lab_room: Homeserver) -> Homeserver:
    """What is said in the lab's room from now on."""
    lab_room.forget()
    return lab_room


@pytest.fixture(scope="session")
def monitored_first_run(lab_mails: Mails, lab_room: Homeserver) -> MonitoredFleet:
    """Makes the first run on fresh machines; a snapshot keeps the state after the run."""
    machines = MonitoredFleet()
    machines.first_run()
    return machines


@pytest.fixture
def monitored(monitored_first_run: MonitoredFleet) -> MonitoredFleet:
    """The monitor and whom it watches over, as the first run left them."""
    monitored_first_run.restore(monitored_first_run.converged)
    return monitored_first_run


@pytest.fixture(scope="session")
def monitored_storage_first_run(lab_mails: Mails, lab_room: Homeserver) -> MonitoredStorage:
    """Makes the first run on fresh machines; a snapshot keeps the state after the run."""
    machines = MonitoredStorage()
    machines.first_run()
    return machines


@pytest.fixture
def monitored_storage(monitored_storage_first_run: MonitoredStorage) -> MonitoredStorage:
    """The monitor, and the storage and boards that it watches over, as the first run left them."""
    monitored_storage_first_run.restore(monitored_storage_first_run.converged)
    return monitored_storage_first_run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project to change."""
    return changed_project(tmp_path / "project", lambda hosts: None)


@pytest.fixture
def fresh_fleet(machines: Fleet) -> Iterator[Fleet]:
    """The fleet as lab/up left it, before any run."""
    machines.restore("fresh")
    yield machines


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Shows a failure at once, because the end of a part may be an hour away."""
    if report.failed:
        print(f"\n{report.nodeid}\n{report.longreprtext}", file=sys.__stdout__, flush=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints a table at the end: each test with its seconds, its fixtures included."""
    seconds: dict[str, float] = {}
    outcome: dict[str, str] = {}
    for category, reports in terminalreporter.stats.items():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration
                outcome[report.nodeid] = category or outcome.get(report.nodeid, "passed")
    terminalreporter.section("lab tests")
    for name, took in seconds.items():
        short = name.removeprefix("tests/lab/").replace(".py::", ": ")
        terminalreporter.write_line(f"{outcome[name]:8} {took:7.1f} s  {short}")
    if STEPS:
        summarise_steps(terminalreporter)


def summarise_steps(terminalreporter: pytest.TerminalReporter) -> None:
    """Print where the minutes went: the seconds of each kind of step, and the longest steps."""
    steps = sorted(STEPS, key=lambda each: -each.seconds)
    lines = [f"{each.seconds:8.1f} s  {each.kind}: {each.what}\n" for each in steps]
    (STATE / "steps.log").write_text("".join(lines))
    terminalreporter.section("seconds by kind of step")
    kinds: dict[str, float] = {}
    for each in steps:
        kinds[each.kind] = kinds.get(each.kind, 0.0) + each.seconds
    for kind, took in kinds.items():
        terminalreporter.write_line(f"{took:8.1f} s  {kind}")
    terminalreporter.section("longest steps; all of them: lab/.state/steps.log")
    for line in lines[:10]:
        terminalreporter.write_line(line.rstrip()[:130])
