"""A run hands escrowed keys over to the memory of the host that restores."""

import os
from pathlib import Path
from typing import Any

import pytest

from facts.secret_trees import SecretTree
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
    found: Any = ask(SecretTree, room)
    return run(handed_over, room, escrows, facts={SecretTree: found}, executing=executing)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_key_is_handed_over_once(tmp_path: Path, escrows: dict[str, Path]) -> None:
    done = hand_over(tmp_path, escrows)
    (command,) = done.commands
    assert perform(command).returncode == 0
    file = tmp_path / "keys/prod1/masterkey"
    assert file.read_text() == f"{KEY}\n"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert hand_over(tmp_path, escrows).noops == ["the keys are there, and no others"]
    file.write_text("another key\n")
    (command,) = hand_over(tmp_path, escrows).commands
    assert perform(command).returncode == 0
    assert file.read_text() == f"{KEY}\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_the_key_of_a_host_that_is_no_longer_in_the_data_is_withdrawn(
    tmp_path: Path, escrows: dict[str, Path]
) -> None:
    Escrow(tmp_path / "escrow/gone1").store(b"config", KEY)
    both = {**escrows, "gone1": tmp_path / "escrow/gone1"}
    (command,) = hand_over(tmp_path, both).commands
    perform(command)
    (tmp_path / "keys/a stray").touch()
    done = hand_over(tmp_path, escrows)
    assert len(done.said) == 2 and all("its key -> withdrawn" in text for text in done.said)
    (command,) = done.commands
    assert perform(command).returncode == 0
    names = {str(it.relative_to(tmp_path / "keys")) for it in (tmp_path / "keys").rglob("*")}
    assert names == {"new1", "prod1", "prod1/masterkey"}
    assert Escrow(tmp_path / "escrow/gone1").master_key == KEY
    (command,) = hand_over(tmp_path, {}).commands
    assert perform(command).returncode == 0
    assert list((tmp_path / "keys").iterdir()) == []
    assert hand_over(tmp_path, {}).commands == []


def test_a_key_whose_escrow_is_lost_stays_on_the_host(
    tmp_path: Path, escrows: dict[str, Path]
) -> None:
    file = tmp_path / "keys/new1/masterkey"
    file.parent.mkdir(parents=True)
    file.write_text(f"{KEY}\n")
    assert "withdrawn" not in str(hand_over(tmp_path, escrows).said)


def test_a_fleet_without_encrypted_volumes_has_no_directory_of_keys(tmp_path: Path) -> None:
    assert hand_over(tmp_path, {}).commands == []


def test_it_is_shown_nowhere(tmp_path: Path, escrows: dict[str, Path]) -> None:
    done = hand_over(tmp_path, escrows)
    assert KEY not in str(done.said) + done.commands[0].get_raw_value()


def test_what_is_not_escrowed_is_told_once_the_run_has_come_to_it(
    tmp_path: Path, escrows: dict[str, Path]
) -> None:
    assert not hand_over(tmp_path, escrows, executing=False).warned
    (warning,) = hand_over(tmp_path, escrows).warned
    assert "new1 cannot be restored on trial" in warning
