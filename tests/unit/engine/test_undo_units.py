"""The units that undo a change stay installed; a host may still have older ones, of one change."""

from pathlib import Path

import pytest

from engine import undo
from engine.report import script
from tests.unit.host_here import perform, sh
from tests.unit.operation_harness import Shell
from tests.unit.undo_harness import SERVICE, TEMPLATES, TIMER, arm, host, systemd, units


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return host(tmp_path, monkeypatch)


def test_the_second_change_has_its_units(shell: Shell, tmp_path: Path) -> None:
    """systemd would read all of its units again for each unit that is written or enabled."""
    arm(shell, tmp_path / "file")
    perform(script(undo.confirm("door")), shell)
    before = len(shell.calls)
    arm(shell, tmp_path / "file")
    perform(script(undo.confirm("door")), shell)
    assert [call for call in shell.calls[before:] if call.startswith("systemctl")] == [
        f"systemctl show -P ActiveState -P NeedDaemonReload {TIMER} {SERVICE}",
        f"systemctl start {TIMER}",
        f"systemctl is-active -q {TIMER}",
        f"systemctl stop {TIMER}",
        f"systemctl show -P ActiveState {SERVICE}",
    ]


READS_AGAIN = [
    f"systemctl stop {TIMER} {SERVICE}",
    "systemctl daemon-reload",
    f"systemctl reset-failed {TIMER} {SERVICE}",
]


@pytest.mark.parametrize(
    "state",
    ["active no inactive no", "inactive no failed no", "inactive yes inactive no"],
    ids=["its timer has elapsed", "an undo has failed", "systemd has not read it"],
)
def test_units_that_are_not_ready_are_made_so(shell: Shell, tmp_path: Path, state: str) -> None:
    arm(shell, tmp_path / "file")
    perform(script(undo.confirm("door")), shell)
    before = len(shell.calls)
    systemd(shell, f"*NeedDaemonReload*) printf '%s\\n' {state}; exit ;;")
    assert arm(shell, tmp_path / "file") == 0
    assert [call for call in READS_AGAIN if call in shell.calls[before:]] == READS_AGAIN


@pytest.mark.parametrize(
    "gone", ["coop-undo@.service", "coop-undo@.timer", f"multi-user.target.wants/{SERVICE}"]
)
def test_units_that_a_hand_has_taken_away_come_back(
    shell: Shell, tmp_path: Path, gone: str
) -> None:
    arm(shell, tmp_path / "file")
    perform(script(undo.confirm("door")), shell)
    before = len(shell.calls)
    (tmp_path / "units" / gone).unlink()
    assert arm(shell, tmp_path / "file") == 0
    assert (tmp_path / "units" / gone).exists()
    enabled = f"systemctl --no-reload -q enable {SERVICE}" in shell.calls[before:]
    reads_again = [call for call in READS_AGAIN if call in shell.calls[before:]]
    assert (enabled, reads_again) in ((False, READS_AGAIN), (True, []))
    # The link to the unit, which only a boot reads.
    assert enabled == (SERVICE in gone)


FORMER = "coop-undo-door"


def former(tmp_path: Path, file: Path) -> None:
    """A change that waits, as hosts kept it while each change had units of its own."""
    place, units = Path(undo.directory("door")), tmp_path / "units"
    place.mkdir(parents=True)
    sh(f"tar -c -P -f {place}/files.tar {file}; touch {place}/absent")
    (place / "undo.sh").write_text(
        f"set -e\ntar -x -P -p -f {place}/files.tar\n"
        f"systemctl -q disable {FORMER}.service || true\n"
        f"rm -f {units}/{FORMER}.service {units}/{FORMER}.timer\nrm -rf {place}\n"
    )
    for kind in ("service", "timer"):
        (units / f"{FORMER}.{kind}").touch()


def test_a_change_that_waits_by_a_unit_of_its_own_is_undone_by_that(
    shell: Shell, tmp_path: Path
) -> None:
    """Its own timer may have begun the undo: two undos at once would spoil each other's work."""
    file = tmp_path / "file"
    file.write_text("as it was")
    former(tmp_path, file)
    file.write_text("changed")
    systemd(shell, f'"start {FORMER}.service") sh {undo.directory("door")}/undo.sh ;;')
    assert perform(script(undo.now("door")), shell).returncode == 0
    assert file.read_text() == "as it was"
    calls = shell.calls
    assert calls[:2] == [f"systemctl stop {FORMER}.timer", f"systemctl start {FORMER}.service"]
    assert units(tmp_path) == set()


def test_units_of_its_own_that_an_earlier_change_left_go(shell: Shell, tmp_path: Path) -> None:
    former(tmp_path, tmp_path / "file")
    sh(f"rm -r {undo.directory('door')}")
    assert arm(shell, tmp_path / "file") == 0
    assert units(tmp_path) == TEMPLATES
    calls = shell.calls
    for call in (
        f"systemctl stop {FORMER}.timer {FORMER}.service",
        f"systemctl reset-failed {FORMER}.timer {FORMER}.service",
        f"systemctl -q disable {FORMER}.service",
    ):
        assert calls.index(call) < calls.index(f"systemctl start {TIMER}")
