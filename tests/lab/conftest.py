"""The lab's fleet for the tests: booted once, restored from snapshots between them.

Run inside the lab: make test (the core), make test-lab PART=storage (all of a part).
"""

import fcntl
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.machines import ROOT, STATE, Machine, machine, pyinfra, running, together
from tests.lab.state import everything

HOSTS = ("storage1", "vision-stg1", "vision-prod1")
COPIED = ("deploy.py", "deploys", "facts", "fleet", "group_data", "inventories", "operations")
Hosts = dict[str, dict[str, Any]]
# pyinfra takes one name for each --limit; a list with commas matches no host and is no error.
LIMIT = [word for name in HOSTS for word in ("--limit", name)]


@dataclass(frozen=True)
class Fleet:
    """The three machines that the storage tests need."""

    storage: Machine
    staging: Machine
    prod: Machine

    @property
    def all(self) -> tuple[Machine, Machine, Machine]:
        return self.storage, self.staging, self.prod

    @property
    def boards(self) -> tuple[Machine, Machine]:
        return self.staging, self.prod

    def restore(self, snapshot: str) -> None:
        """Go back to this state, the operator's escrow included."""
        together(self.all, lambda each: each.restore(snapshot))
        kept = STATE / f"escrow-{snapshot}"
        shutil.rmtree(escrow_directory())
        if kept.exists():
            shutil.copytree(kept, escrow_directory())
        else:
            escrow_directory().mkdir(mode=0o700)

    def snapshot(self, name: str) -> None:
        together(self.all, lambda each: each.snapshot(name))
        shutil.rmtree(STATE / f"escrow-{name}", ignore_errors=True)
        shutil.copytree(escrow_directory(), STATE / f"escrow-{name}")

    def converge(self, *arguments: str) -> str:
        """A run that has to succeed on these three; gives its output."""
        done = pyinfra("deploy.py", "-y", *LIMIT, *arguments)
        assert done.returncode == 0, done.stderr[-6000:]
        return done.stderr

    def refused(self, directory: Path = ROOT) -> str:
        """A run that has to fail, of the project or a changed copy of it; gives its output."""
        done = pyinfra("deploy.py", "-y", *LIMIT, directory=directory)
        assert done.returncode != 0, done.stderr[-6000:]
        assert "Traceback" not in done.stderr, done.stderr[-6000:]
        return done.stderr


@dataclass(frozen=True)
class FirstRun:
    """What was seen while the fresh fleet converged for the first time."""

    before: dict[str, str]
    after_dry: dict[str, str]
    dry_output: str
    seconds: float


def escrow_directory() -> Path:
    """Where the lab's operator keeps gocryptfs.conf and master keys, a directory a host."""
    lines = (STATE / "env").read_text().splitlines()
    return Path(dict(line.split("=", 1) for line in lines)["ESCROW_DIRECTORY"])


def changed_project(directory: Path, change: Callable[[Hosts], None]) -> Path:
    """A copy of the project in which the lab's hosts, by name as in lab.yml, are changed."""
    for name in COPIED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, directory / name)
    state = directory / "lab/.state"
    state.mkdir(parents=True)
    for name in ("id_ed25519", "running", "env"):
        shutil.copy(STATE / name, state / name)
    inventory = directory / "inventories/lab.yml"
    data = yaml.safe_load(inventory.read_text())
    change(data["hosts"])
    inventory.write_text(yaml.safe_dump(data))
    return directory


def look(fleet: Fleet) -> dict[str, str]:
    """Everything on each machine that a run could change, and the operator's escrow."""
    escrowed = sorted(file for file in escrow_directory().rglob("*") if file.is_file())
    found = {"escrow": "\n".join(f"{file} {file.stat().st_mtime_ns}" for file in escrowed)}
    together(fleet.all, lambda each: found.update({each.name: everything(each)}))
    return found


def counts(output: str) -> tuple[int, int, int]:
    """Of the operations of a run, over all hosts: how many changed, failed, had nothing to do."""
    total = next(line for line in output.splitlines() if "Grand total" in line).split()
    changed, failed, unchanged = (0 if word == "-" else int(word) for word in total[3:6])
    return changed, failed, unchanged


@contextmanager
def _lab_taken() -> Iterator[None]:
    """Keeps lab/up and lab/down away; a test that is killed leaves a mark for the next lab/up."""
    unfinished = STATE / "unfinished"
    with (STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unfinished.touch()
        yield
        unfinished.unlink()


@pytest.fixture(scope="session")
def machines() -> Iterator[Fleet]:
    """The machines, which are in working order again when the tests have ended."""
    others = [other for other in running() if other.name not in HOSTS]
    fleet = Fleet(*(machine(name) for name in HOSTS))
    with _lab_taken():
        together(others, lambda other: other.suspend())
        yield fleet
        converged = all(each.has_snapshot("converged") for each in fleet.all)
        fleet.restore("converged" if converged else "fresh")
        together(others, lambda other: other.resume())


@pytest.fixture(scope="session")
def first_run(machines: Fleet) -> FirstRun:
    """From fresh machines: a dry run, then the run; both states are kept as snapshots."""
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


@pytest.fixture
def fresh_fleet(machines: Fleet) -> Iterator[Fleet]:
    """The fleet as lab/up left it, before any run."""
    machines.restore("fresh")
    yield machines


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What failed is shown at once, as the end of a part may be an hour away."""
    if report.failed:
        print(f"\n{report.nodeid}\n{report.longreprtext}", file=sys.__stdout__, flush=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A table at the end: each test with its seconds, those of its fixtures included."""
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
