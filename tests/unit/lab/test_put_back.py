"""Fleets go back by their classes, and in the end the operator has what belongs to each."""

from pathlib import Path

import pytest

from fleet.host_keys import vpn_keys
from lab.guest import Guest
from lab.machines import Machine
from tests.lab import fleets
from tests.lab import put_back as module
from tests.lab.fleets import BareMachine, Machines
from tests.lab.put_back import put_back
from tests.unit.wireguard_samples import HUB, OWN

KEYS = {"vpn1": HUB, "storage1": OWN}


class Operator:
    """The operator's files. A fleet that goes back leaves there what its first machine has."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.escrow = directory / "escrow"
        self.keys = vpn_keys(directory / "vpn-keys.yml")
        self.restored: list[tuple[str, ...]] = []

    def restore(self, fleet: Machines) -> None:
        first = fleet.names[0]
        self.restored.append(fleet.names)
        for file in self.escrow.iterdir():
            file.unlink()
        (self.escrow / first).write_text(first)
        self.keys.file.unlink(missing_ok=True)
        if first in KEYS:
            self.keys.store(first, KEYS[first])

    def put_back(self, monkeypatch: pytest.MonkeyPatch, running: str) -> None:
        machines = [Machine(name, "192.0.2.1", Guest(name)) for name in running.split()]
        monkeypatch.setattr(module, "running", lambda: machines)
        put_back()


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    operator = Operator(tmp_path)
    operator.escrow.mkdir()
    monkeypatch.setattr(module, "STATE", tmp_path)
    monkeypatch.setattr(module, "HOST_KEYS", (operator.keys,))
    monkeypatch.setattr(module, "escrow_directory", lambda: operator.escrow)
    monkeypatch.setattr(fleets, "machine", lambda name: Machine(name, "192.0.2.1", Guest(name)))
    monkeypatch.setattr(Machine, "has_snapshot", lambda *_: False)
    monkeypatch.setattr(Machine, "restore", lambda *_: None)
    monkeypatch.setattr(Machines, "restore", lambda fleet, _: operator.restore(fleet))
    return operator


@pytest.mark.parametrize(
    ("running", "restored"),
    [
        ("storage1 vision-stg1 vision-prod1 offsite1", ["storage1 … offsite1"]),
        ("storage1 vision-stg1 vision-prod1 bare1", ["storage1 … vision-prod1"]),
        ("vpn1 bbb1 bbb2 offsite1", ["vpn1 … bbb2"]),
        ("vpn1 bbb1", []),
        (
            "vpn1 bbb1 bbb2 files1 ovh1 storage1 vision-stg1 vision-prod1 offsite1",
            ["storage1 … offsite1", "vpn1 … bbb2", "files1 … ovh1"],
        ),
    ],
)
def test_each_machine_goes_back_once_with_the_largest_fleet_that_is_up(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, running: str, restored: list[str]
) -> None:
    operator.put_back(monkeypatch, running)
    assert [f"{names[0]} … {names[-1]}" for names in operator.restored] == restored


def test_the_operator_has_what_belongs_to_every_fleet(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = "storage1 vision-stg1 vision-prod1 bare1"
    operator.put_back(monkeypatch, f"vpn1 bbb1 bbb2 files1 ovh1 {board}")
    assert {file.name for file in operator.escrow.iterdir()} == {"storage1", "vpn1", "files1"}
    assert operator.keys.load() == KEYS
    left = {file.name for file in operator.directory.iterdir()}
    assert left == {"escrow", operator.keys.file.name}, "secrets lie about"


def test_a_machine_that_joins_a_fleet_takes_nothing_from_its_operator(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (operator.escrow / "vision-prod1").touch()
    BareMachine().restore("fresh")
    operator.put_back(monkeypatch, "bare1")
    assert [file.name for file in operator.escrow.iterdir()] == ["vision-prod1"]
