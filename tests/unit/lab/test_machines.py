"""A command of the lab that fails says why, as its machine is put back before anybody looks."""

import subprocess
from unittest.mock import Mock

import pytest

from lab import steps
from lab.command import CommandFailed
from lab.machines import Machine
from lab.power import Power

FAILED = (
    b"Job for sanoid.service failed because the control process exited with error code.\n"
    b'See "systemctl status sanoid.service" and "journalctl -xeu sanoid.service" for details.\n'
)


def answers(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, bytes, bytes]) -> Mock:
    done = [subprocess.CompletedProcess([], code, out, err) for code, out, err in answers]
    run = Mock(side_effect=done)
    # What a session of lab tests tells at its end is of its own steps alone.
    monkeypatch.setattr(steps, "STEPS", [])
    monkeypatch.setattr(subprocess, "run", run)
    return run


@pytest.fixture
def machine() -> Machine:
    return Machine("storage1", "192.0.2.1", Mock(spec=Power))


def test_a_unit_that_failed_to_start_is_told_with_its_journal(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = answers(monkeypatch, (1, b"", FAILED), (0, b"sanoid[4]: could not take it\n", b""))
    with pytest.raises(CommandFailed, match="could not take it"):
        machine.sh("systemctl start sanoid.service")
    assert "--unit=sanoid.service" in run.call_args.args[0][-1]


def test_another_failure_asks_for_no_journal(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = answers(monkeypatch, (1, b"", b"cat: /x: No such file or directory\n"))
    with pytest.raises(CommandFailed, match="No such file"):
        machine.sh("cat /x")
    run.assert_called_once()
