"""The next run finishes a run that was cut off, wherever the cut was, and no data is lost."""

import random
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from lab import board
from lab.command import wait_for
from lab.machines import ROOT, Machine
from tests.lab.fleets import LIMIT, FirstRun, Fleet, counts

pytestmark = pytest.mark.resume

SEED = 20200601
# A run of deploy.py begins this many operations on the three machines. The last one only looks.
OPERATIONS = 33
# The timer goes first: it would start what is stopped next, and systemd would cancel one of the
# two jobs.
NO_RETRY = "systemctl stop coop-storage-retry.timer coop-storage-retry.service; "
# Damage by hand, so that a run on a converged fleet has work in which it can be cut off.
DAMAGE = {
    "storage1": "systemctl stop nfs-server; rm -f /etc/exports /etc/nfs.conf.d/coop-infra.conf; "
    "zfs inherit compression storage/prod; zfs set quota=300M storage/prod/vision-prod1",
    "vision-stg1": f"{NO_RETRY}systemctl stop nginx 'php*-fpm.service'; "
    "rm -rf /var/www/*/index.php /etc/systemd/system/coop-storage-* "
    "/etc/nginx/sites-enabled/vision",
    "vision-prod1": f"{NO_RETRY}systemctl stop nginx 'php*-fpm.service' gocryptfs-storage; "
    "rm -f /etc/systemd/system/coop-storage-* /etc/coop-infra/gocryptfs.*",
}


@dataclass(frozen=True)
class Cut:
    """A cut: so many seconds after the operation of that number has begun.

    state: of the machines before the run, "fresh" or "damaged"
    victim: "pyinfra", which is killed, or the machine that is reset
    """

    state: str
    operation: int
    seconds: float
    victim: str


def plan() -> list[Cut]:
    """Ten cuts: for each state one in each fifth of the run, so that no fifth is left out."""
    chance = random.Random(SEED)
    victims = ["pyinfra", "storage1", "pyinfra", "vision-prod1", "vision-stg1"]
    cuts = OPERATIONS - 1
    fifths = [range(1 + part * cuts // 5, 1 + (part + 1) * cuts // 5) for part in range(5)]
    return [
        Cut(state, chance.choice(fifth), chance.uniform(0, 2), victims[(number + turn) % 5])
        for turn, state in enumerate(("fresh", "damaged"))
        for number, fifth in enumerate(fifths)
    ]


@pytest.mark.parametrize("cut", plan(), ids=lambda cut: f"{cut.state}-{cut.operation}-{cut.victim}")
def test_cut_off(machines: Fleet, first_run: FirstRun, tmp_path: Path, cut: Cut) -> None:
    kept: dict[str, str] = {}
    if cut.state == "fresh":
        machines.restore("fresh")
    else:
        machines.restore("converged")
        kept = {
            each.name: board.upload(each, "kept.txt", b"kept" * 1000) for each in machines.boards
        }
        for each in machines.all:
            each.sh(DAMAGE[each.name])
    make(cut, machines, tmp_path / "output")
    machines.converge()
    for each in machines.boards:
        wait_for(partial(board.works, each), f"{each.name} works", 120)
        if each.name in kept:
            assert board.fetch(each, kept[each.name]) == b"kept" * 1000
        name = board.upload(each, "new.txt", b"new" * 100)
        assert board.fetch(each, name) == b"new" * 100
    output = machines.converge()
    changed, failed, _ = counts(output)
    assert (changed, failed) == (0, 0), output[-4000:]


def make(cut: Cut, fleet: Fleet, output: Path) -> None:
    """Start a run, and at the moment of the cut kill it, or reset a machine under it."""
    run = started(output, cut.operation)
    time.sleep(cut.seconds)
    assert run.poll() is None, f"the run had ended by then:\n{output.read_text()[-3000:]}"
    if cut.victim == "pyinfra":
        run.send_signal(signal.SIGKILL)
        run.wait()
        for each in fleet.all:
            wait_for(partial(nothing_runs_on, each), f"{each.name} has ended its command", 120)
        return
    machine = next(each for each in fleet.all if each.name == cut.victim)
    machine.reset()
    machine.wait_until_up()
    try:
        run.wait(timeout=240)
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()


def started(output: Path, operation: int) -> subprocess.Popen[bytes]:
    """Start a run with its output in that file; returns once it has begun so many operations."""
    with output.open("w") as file:
        run = subprocess.Popen(
            [str(ROOT / ".venv/bin/pyinfra"), "inventories/lab.py", "deploy.py", "-y", *LIMIT],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
        )  # fmt: skip
    wait_for(
        lambda: output.read_text().count("Starting operation") >= operation,
        f"operation {operation} has begun",
        900,
    )
    return run


def nothing_runs_on(machine: Machine) -> bool:
    """Whether the killed run's command has ended: the one sudo left is that of this question."""
    return machine.sh("pgrep -c -x sudo") == "1"


def test_a_machine_that_falls_silent_fails_and_no_other(fleet: Fleet, tmp_path: Path) -> None:
    """No reset of the connection tells the run: TCP alone would wait for a quarter of an hour."""
    output = tmp_path / "output"
    run = started(output, 1)
    fleet.staging.suspend()
    assert run.wait(timeout=240) != 0
    fleet.staging.resume()
    said = output.read_text()
    assert "the connection was lost" in said and "Traceback" not in said
    assert counts(said)[1] > 0
    assert "[vision-stg1] No changes" not in said.partition("Storage is served")[2]
    assert "[vision-prod1] No changes" in said.partition("Storage is served")[2]
    assert counts(fleet.converge())[1] == 0
