"""One roll at a time on a node: the lease's own script, in a real shell."""

import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from controller.roll import lease

MINE, OTHER = "ops-hypha-1_laptop/aaaa", "ops-meet-1_desk/bbbb"


class Place:
    def __init__(self, directory: Path) -> None:
        self.file = directory / "coop-bbb-roll"

    def run(self, holder: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self._sh(lease.SCRIPT, holder, *words, stdin=stdin)

    def release(self, holder: str) -> None:
        assert self._sh(lease.RELEASE, holder).returncode == 0

    def _sh(self, script: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", script.replace(lease.PLACE, str(self.file)), "roll", *words],
            input=stdin, capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip

    def age(self, seconds: int) -> None:
        """The lease is as old as that."""
        holder, at = self.file.read_text().split()
        self.file.write_text(f"{holder} {int(at) - seconds}\n")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_command_runs_with_its_input_and_its_exit_status(place: Place) -> None:
    done = place.run(MINE, "sh", "-c", "cat; echo said >&2; exit 3", stdin="given")
    assert (done.returncode, done.stdout, done.stderr) == (3, "given", "said\n")


def test_another_roll_is_kept_out_while_the_lease_is_fresh(place: Place, tmp_path: Path) -> None:
    assert place.run(MINE, "true").returncode == 0
    done = place.run(OTHER, "touch", str(tmp_path / "touched"))
    assert done.returncode == lease.TAKEN
    # A machine that is busy takes a second or two.
    assert re.fullmatch(f"taken {MINE} [0-9]\n", done.stdout)
    assert not (tmp_path / "touched").exists()
    assert place.run(MINE, "true").returncode == 0


def test_a_roll_that_was_killed_is_forgotten_after_a_minute(place: Place) -> None:
    place.run(MINE, "true")
    place.age(lease.SECONDS - 20)
    assert place.run(OTHER, "true").returncode == lease.TAKEN
    place.age(20)
    assert place.run(OTHER, "true").returncode == 0
    # And the first one, should it come back, is told so.
    assert place.run(MINE, "true").returncode == lease.TAKEN


def test_a_roll_that_has_ended_leaves_the_node_to_the_next_at_once(place: Place) -> None:
    place.run(MINE, "true")
    place.release(OTHER)
    assert place.run(OTHER, "true").returncode == lease.TAKEN
    place.release(MINE)
    assert place.run(OTHER, "true").returncode == 0


def test_a_command_that_takes_long_keeps_the_lease(place: Place, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    waits = f"touch {tmp_path}/begun; while [ ! -e {go_on} ]; do sleep 0.05; done"
    thread = threading.Thread(target=place.run, args=(MINE, "sh", "-c", waits))
    thread.start()
    try:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        place.age(1000)
        assert place.run(OTHER, "true").returncode == lease.TAKEN
    finally:
        go_on.touch()
        thread.join()
    # Its end has renewed the lease.
    assert place.run(OTHER, "true").returncode == lease.TAKEN


def test_the_next_command_of_a_roll_waits_for_one_that_lost_its_connection(
    place: Place, tmp_path: Path
) -> None:
    waits = f"touch {tmp_path}/begun; sleep 0.5; touch {tmp_path}/ended"
    thread = threading.Thread(target=place.run, args=(MINE, "sh", "-c", waits))
    thread.start()
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    assert place.run(MINE, "ls", str(tmp_path / "ended")).returncode == 0
    thread.join()


def test_what_a_command_leaves_running_does_not_hold_the_lock(place: Place) -> None:
    assert place.run(MINE, "sh", "-c", "sleep 3 > /dev/null 2>&1 < /dev/null &").returncode == 0
    place.release(MINE)
    assert place.run(OTHER, "true").returncode == 0


@pytest.mark.parametrize("text", ["", "\n", "x", "x y\n", "x 99999999999\n", "x -5\n"])
def test_a_damaged_lease_is_nobody_s(place: Place, text: str) -> None:
    place.file.write_text(text)
    assert place.run(OTHER, "true").returncode == 0


def test_nobody_else_can_open_the_lock(place: Place) -> None:
    place.run(MINE, "true")
    assert place.file.with_name("coop-bbb-roll.lock").stat().st_mode & 0o077 == 0


def test_each_roll_has_a_name_of_its_own_that_says_whose_it_is() -> None:
    first, second = lease.holder(), lease.holder()
    assert first != second
    assert first.rpartition("/")[0] == second.rpartition("/")[0]
    assert str(lease.taken("bbb2", f"taken {first} 12")) == (
        f"the roll of {first} is at work on bbb2: 12 s ago it was there"
    )
    assert "another roll" in str(lease.taken("bbb2", "taken \x1b[2J 1"))
