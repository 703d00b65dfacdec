"""A run hands escrowed keys over to the memory of the host that restores."""

import os
from pathlib import Path
from typing import Any

import pytest

from facts.files import Paths
from operations.escrow import Escrow
from operations.escrow_keys import handed_over
from tests.unit.host_here import ask, perform
from tests.unit.operation_harness import Run, run

KEY = "0f" * 32


@pytest.fixture
def escrows(tmp_path: Path) -> dict[str, Path]:
    Escrow(tmp_path / "escrow/prod1").store(b"config", KEY)
    return {"prod1": tmp_path / "escrow/prod1", "new1": tmp_path / "escrow/new1"}


def hand_over(tmp_path: Path, escrows: dict[str, Path], executing: bool = True) -> Run:
    room = str(tmp_path / "keys")
    rooms = [room, *(f"{room}/{name}" for name in escrows)]
    found: Any = ask(Paths, rooms, [f"{room}/prod1/masterkey"])
    return run(handed_over, room, escrows, facts={Paths: found}, executing=executing)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_key_is_handed_over_once(tmp_path: Path, escrows: dict[str, Path]) -> None:
    done = hand_over(tmp_path, escrows)
    (command,) = done.commands
    assert perform(command).returncode == 0
    file = tmp_path / "keys/prod1/masterkey"
    assert file.read_text() == f"{KEY}\n"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert hand_over(tmp_path, escrows).noops == ["the keys are there"]


def test_it_is_shown_nowhere(tmp_path: Path, escrows: dict[str, Path]) -> None:
    done = hand_over(tmp_path, escrows)
    assert KEY not in str(done.said) + done.commands[0].get_raw_value()


def test_what_is_not_escrowed_is_told_once_the_run_has_come_to_it(
    tmp_path: Path, escrows: dict[str, Path]
) -> None:
    assert not hand_over(tmp_path, escrows, executing=False).warned
    (warning,) = hand_over(tmp_path, escrows).warned
    assert "new1 cannot be restored on trial" in warning
