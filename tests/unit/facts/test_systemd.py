import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from facts import systemd
from facts.systemd import Units, UnitsState, UnitState
from tests.unit.host_here import ask, sh
from tests.unit.operation_harness import Shell

# systemd 252 of Debian 12. It leaves out a property that a kind of unit does not have; the time of
# what has not happened is empty.
SHOWN = """\
Result=success
Id=nginx.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
StateChangeTimestamp=Tue 2026-11-24 00:20:00.500000 UTC
ActiveEnterTimestamp=Tue 2026-11-24 00:10:00.250000 UTC
DropInPaths=/etc/systemd/system/nginx.service.d/a.conf /run/systemd/system/nginx.service.d/b.conf
NeedDaemonReload=yes

Id=rpcbind.socket
LoadState=masked
ActiveState=inactive
SubState=dead
UnitFileState=masked
StateChangeTimestamp=
ActiveEnterTimestamp=
NeedDaemonReload=no

Result=exit-code
Id=media-gocryptfs\\x2dstorage.mount
What=10.0.0.1:/storage/prod/www
Options=rw,nosuid,vers=4.2,hard,clientaddr=10.0.0.2
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=
StateChangeTimestamp=Tue 2026-11-24 00:20:00.000001 UTC
ActiveEnterTimestamp=
NeedDaemonReload=no

Id=none.service
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
StateChangeTimestamp=
ActiveEnterTimestamp=
NeedDaemonReload=no
"""
MOUNT = r"media-gocryptfs\x2dstorage.mount"


def at(minute: int, microsecond: int) -> float:
    return datetime(2026, 11, 24, 0, minute, 0, microsecond, UTC).timestamp()


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the host's notes, which is not there after a boot."""
    file = tmp_path / "the notes"
    monkeypatch.setattr(systemd, "CHANGES", str(file))
    return file


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shown = tmp_path / "shown"
    shown.write_text(SHOWN)
    shell.stand_in("systemctl", f"cat {shown}")
    return shell


def test_each_unit_in_systemds_own_words(shell: Shell) -> None:
    seen = ask(Units, ["nginx.service"], shell=shell)
    assert seen.units == {
        "nginx.service": UnitState(
            load="loaded",
            file="enabled",
            active="active",
            sub="running",
            result="success",
            needs_daemon_reload=True,
            started=at(10, 250000),
            changed=at(20, 500000),
            drop_ins=(
                "/etc/systemd/system/nginx.service.d/a.conf",
                "/run/systemd/system/nginx.service.d/b.conf",
            ),
        ),
        "rpcbind.socket": UnitState(load="masked", file="masked"),
        MOUNT: UnitState(
            load="loaded",
            active="failed",
            sub="failed",
            result="exit-code",
            changed=at(20, 1),
            what="10.0.0.1:/storage/prod/www",
            options=("rw", "nosuid", "vers=4.2", "hard", "clientaddr=10.0.0.2"),
        ),
        "none.service": UnitState(),
    }
    assert seen.modified == {}


def test_the_question_is_asked_once_with_exact_times(shell: Shell) -> None:
    ask(Units, ["nginx.service", MOUNT], ["/none"], shell=shell)
    assert [call.replace("\\\\", "\\") for call in shell.calls] == [
        "systemctl show --timestamp=us+utc -p Id,LoadState,UnitFileState,ActiveState,SubState,"
        "Result,NeedDaemonReload,ActiveEnterTimestamp,StateChangeTimestamp,DropInPaths,"
        "What,Options "
        f"nginx.service {MOUNT}"
    ]


def test_the_name_of_a_unit_reaches_systemctl_unharmed(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("systemctl", 'for last; do :; done; printf "Id=%s\\n" "$last"')
    assert list(ask(Units, [MOUNT], shell=shell).units) == [MOUNT]


def test_files_have_the_time_at_which_they_took_their_place(shell: Shell, tmp_path: Path) -> None:
    old, path = tmp_path / "content from long ago", tmp_path / "a b.conf"
    old.write_text("")
    os.utime(old, (1000, 1000))
    old.rename(path)
    seen = ask(Units, ["nginx.service"], [str(path), "/none"], shell=shell)
    assert seen.modified == {str(path): pytest.approx(path.stat().st_ctime, abs=1e-5)}
    assert seen.modified[str(path)] > 1000
    assert len(seen.units) == 4


def test_times_are_read_whatever_language_the_host_speaks(shell: Shell, tmp_path: Path) -> None:
    shell.stand_in("stat", '[ "$LC_ALL" = C ] && echo 1.5 /a || echo 1,5 /a')
    assert ask(Units, ["nginx.service"], ["/a"], shell=shell).modified == {"/a": 1.5}


def test_a_time_that_never_was_and_a_drop_in_with_a_space(tmp_path: Path) -> None:
    """As later releases of systemd tell them."""
    shell = Shell(tmp_path)
    times = "ActiveEnterTimestamp=n/a\nStateChangeTimestamp=n/a\n"
    drop_ins = r"DropInPaths=/etc/x.d/coop\x20storage.conf /run/x.d/b.conf"
    (tmp_path / "shown").write_text(f"Id=x.service\n{times}{drop_ins}\n")
    shell.stand_in("systemctl", f"cat {tmp_path}/shown")
    unit = ask(Units, ["x.service"], shell=shell).units["x.service"]
    assert (unit.started, unit.changed) == (0.0, 0.0)
    assert unit.drop_ins == ("/etc/x.d/coop storage.conf", "/run/x.d/b.conf")


def test_without_systemd_nothing_is_known() -> None:
    seen = ask(Units, ["no such"], ["/none"])
    assert replace(seen, now=0.0) == UnitsState() == Units.default()
    assert sh(Units().command(["no such"])).returncode == 0


def test_what_runs_have_noted_is_read_with_the_hosts_time(shell: Shell, notes: Path) -> None:
    seen = ask(Units, ["nginx.service"], shell=shell)
    assert seen.changes == () and len(seen.units) == 4
    assert seen.now == pytest.approx(time.time(), abs=30)
    notes.write_text("written /a b.conf\nstarted nginx.service\n")
    seen = ask(Units, ["nginx.service"], ["/none"], shell=shell)
    assert seen.changes == ("written /a b.conf", "started nginx.service")
    assert len(seen.units) == 4 and seen.modified == {}


@pytest.mark.parametrize(
    ("changes", "since"),
    [
        ((), False),
        (("written /a",), True),
        (("written /a", "started x"), False),
        (("started x", "written /a"), True),
        (("written /a", "started x", "written /a"), True),
        (("written /a", "started y", "reloaded x", "written /ab"), True),
    ],
)
def test_the_order_says_what_is_in_force(changes: tuple[str, ...], *, since: bool) -> None:
    assert UnitsState(changes=changes).is_written_since("/a", "started x") is since
