"""Commands that hang cost their time, and one process."""

import os
import time
from pathlib import Path

import pytest

from programs.metrics import Failed, command
from programs.metrics.command import Commands


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setattr(command, "SECONDS", 0.5)
    return Commands(tmp_path / "locks")


def test_what_a_command_prints(run: Commands) -> None:
    assert run(["sh", "-c", "echo a; pwd; echo $LC_ALL $TZ"]) == "a\n/\nC UTC\n"
    assert run(["sh", "-c", "echo again"]) == "again\n"


def test_no_utf_8_is_no_fault(run: Commands) -> None:
    assert run(["printf", r"\377"]) == "\udcff"


def test_one_that_fails_says_why(run: Commands) -> None:
    with pytest.raises(Failed, match="exit 3: the last line"):
        run(["sh", "-c", "echo first >&2; echo the last line >&2; exit 3"])


def test_one_that_hangs_is_ended(run: Commands) -> None:
    begun = time.monotonic()
    with pytest.raises(Failed, match="has not ended within"):
        run(["sleep", "60"])
    assert time.monotonic() - begun < 5
    with pytest.raises(Failed, match="has not ended within"):
        run(["sleep", "60"])


def test_while_one_cannot_be_ended_no_second_one_starts(run: Commands, tmp_path: Path) -> None:
    """A process that has the command's lock stands for one that the kernel keeps."""
    words = ["sh", "-c", f"setsid sleep 3 > /dev/null 2>&1 & echo $! > {tmp_path}/pid; sleep 60"]
    with pytest.raises(Failed, match="has not ended within"):
        run(words)
    begun = time.monotonic()
    with pytest.raises(Failed, match="the one before has not ended"):
        run(words)
    assert time.monotonic() - begun < 0.4
    assert run(["echo", "another"]) == "another\n"
    os.kill(int((tmp_path / "pid").read_text()), 9)


def test_the_locks_are_the_program_s_alone(run: Commands, tmp_path: Path) -> None:
    run(["true"])
    assert (tmp_path / "locks").stat().st_mode & 0o777 == 0o700
    assert len([*(tmp_path / "locks").iterdir()]) == 1
