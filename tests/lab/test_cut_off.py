"""A run that is cut off anywhere is finished by the next one, and no data is lost."""

import random
import signal
import subprocess
import time
from functools import partial

import pytest

from lab import board
from lab.machines import ROOT, wait_for
from tests.lab.conftest import LIMIT, FirstRun, Fleet, counts

pytestmark = pytest.mark.storage

SEED = 20200601
# What a hand may have broken, so that a converged fleet has work to be cut off in.
DAMAGE = {
    "storage1": "systemctl stop nfs-server; rm -f /etc/exports /etc/nfs.conf.d/coop-infra.conf; "
    "zfs inherit compression storage/prod; zfs set quota=300M storage/prod/vision-prod1",
    "vision-stg1": "rm -rf /etc/systemd/system/coop-storage-* /etc/nginx/sites-enabled/vision "
    "/var/www/*/index.php; systemctl stop nginx php8.2-fpm coop-storage-retry.timer",
    "vision-prod1": "systemctl stop nginx php8.2-fpm coop-storage-retry.timer gocryptfs-storage; "
    "rm -f /etc/systemd/system/coop-storage-* /etc/coop-infra/gocryptfs.password",
}


def plan() -> list[tuple[str, float, str]]:
    """Ten cuts: from which state, at what part of the run's length, and of what."""
    chance = random.Random(SEED)
    victims = ["pyinfra", "storage1", "pyinfra", "vision-prod1", "vision-stg1"]
    return [
        (("fresh", "damaged")[number % 2], chance.random(), victims[number % len(victims)])
        for number in range(10)
    ]


@pytest.mark.parametrize(("state", "part", "victim"), plan())
def test_cut_off(
    machines: Fleet, first_run: FirstRun, state: str, part: float, victim: str
) -> None:
    kept: dict[str, str] = {}
    if state == "fresh":
        machines.restore("fresh")
    else:
        machines.restore("converged")
        kept = {
            each.name: board.upload(each, "kept.txt", b"kept" * 1000) for each in machines.boards
        }
        for each in machines.all:
            each.sh(DAMAGE[each.name])
    cut(machines, part * first_run.seconds, victim)
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


def cut(fleet: Fleet, seconds: float, victim: str) -> None:
    """Start a run, and after that time kill it, or reset a machine under it."""
    run = subprocess.Popen(
        [str(ROOT / ".venv/bin/pyinfra"), "inventories/lab.py", "deploy.py", "-y", *LIMIT],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(seconds)
    if victim == "pyinfra":
        run.send_signal(signal.SIGKILL)
        run.wait()
        # What the killed run had started on a machine ends by itself.
        time.sleep(5)
        return
    machine = next(each for each in fleet.all if each.name == victim)
    machine.reset()
    machine.wait_until_up()
    try:
        run.wait(timeout=240)
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()
