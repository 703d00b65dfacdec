"""A machine with no role package in its image gets everything from the run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.load import load
from lab import board
from lab.machines import INVENTORY, Machine, pyinfra
from tests.lab.fleets import BareMachine, Fleet, counts

pytestmark = pytest.mark.storage

ROLE_PROGRAMS = ("nginx", "gocryptfs", "mount.nfs4", "git")
BOTH = ("--limit", "storage1", "--limit", "bare1")


@pytest.fixture
def bare_machine() -> Iterator[BareMachine]:
    machines = BareMachine()
    machines.restore("fresh")
    yield machines
    machines.all[0].suspend()


def has(guest: Machine, program: str) -> bool:
    return guest.try_sh(f"command -v {program}").returncode == 0


def test_a_bare_host_gets_all_packages(fleet: Fleet, bare_machine: BareMachine) -> None:
    bare = bare_machine.all[0]
    programs = (*ROLE_PROGRAMS, load(Path(INVENTORY)).host("bare1").release.fpm)
    assert [program for program in programs if has(bare, program)] == []
    done = pyinfra("deploy.py", "-y", *BOTH, timeout=1800)
    assert done.returncode == 0, done.stderr[-6000:]
    assert [program for program in programs if not has(bare, program)] == []
    name = board.upload(bare, "first.txt", b"first")
    assert name in board.listing(bare)
    assert fleet.storage.sh(f"cat /storage/staging/bare1/persistent_*/{name}") == "first"

    again = pyinfra("deploy.py", "-y", *BOTH)
    assert again.returncode == 0, again.stderr[-4000:]
    changed, failed, _ = counts(again.stderr)
    assert (changed, failed) == (0, 0), again.stderr[-4000:]
