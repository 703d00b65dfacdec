"""Which snapshots are held, and until when."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from programs.offsite.hold.main import AT_ONCE, MOST, changes, give_up, kept_for, main
from tests.unit.operation_harness import Shell
from tests.unit.programs.test_plain import ODD

HOUR = 3600
DAY = 24 * HOUR
NOW = 1_800_000_000
KEEPS = {"hourly": 48, "daily": 35, "weekly": 0, "monthly": 12}


def line(name: str, age: int, holds: int = 0) -> str:
    return f"{name}\t{NOW - age}\t{holds}"


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("tank/www@autosnap_2026-11-25_10:00:00_hourly", 48 * HOUR),
        ("tank/www@autosnap_2026-11-25_00:00:00_daily", 35 * DAY),
        ("tank/www@autosnap_2026-11-01_00:00:00_monthly", 12 * 31 * DAY),
        ("tank/www@autosnap_2026-11-23_00:00:00_weekly", 0),
        ("tank/www@before-the-move", float("inf")),
        ("tank/www@autosnap_2026_yearly", float("inf")),
        ("tank/www@by_hand_hourly", float("inf")),
    ],
)
def test_each_kind_has_its_time(name: str, seconds: float) -> None:
    assert kept_for(name, KEEPS) == seconds


def test_what_is_due_is_held_and_what_is_over_is_released() -> None:
    old, held, new = (f"tank/www@autosnap_{it}_hourly" for it in ("old", "held", "new"))
    lines = [line(old, 48 * HOUR, 1), line(held, 48 * HOUR - 1, 1), line(new, 0)]
    assert changes(lines, KEEPS, NOW) == ([new], [old])


def test_the_newest_of_each_dataset_is_held_for_ever() -> None:
    lines = [
        line("tank/a@autosnap_1_hourly", 900 * DAY),
        line("tank/a@autosnap_2_hourly", 800 * DAY),
        line("tank/a/b@autosnap_1_hourly", 900 * DAY, 1),
    ]
    assert changes(lines, KEEPS, NOW) == (["tank/a@autosnap_2_hourly"], [])


@pytest.mark.parametrize("now", [NOW, NOW + 900 * DAY])
def test_one_clock_alone_ends_no_hold(now: int) -> None:
    """Neither the clock here, nor the source's, which gives snapshots from the future."""
    here_is_wrong = now > NOW
    newest = 60 if here_is_wrong else -900 * DAY
    lines = [line("tank/a@autosnap_1_hourly", HOUR, 1), line("tank/a@autosnap_2_hourly", newest, 1)]
    assert changes(lines, KEEPS, now) == ([], [])


def test_without_anything_new_no_hold_ends() -> None:
    lines = [line(f"tank/a@autosnap_{it}_hourly", 900 * DAY - it, 1) for it in range(3)]
    assert changes(lines, KEEPS, NOW) == ([], [])


def test_nothing_is_done_twice() -> None:
    lines = [
        line("tank/a@autosnap_1_hourly", 50 * HOUR),
        line("tank/a@autosnap_2_hourly", HOUR, 1),
    ]
    assert changes(lines, KEEPS, NOW) == ([], [])


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell(tmp_path)
    monkeypatch.setenv("PATH", shell.path)
    return shell


def run(tmp_path: Path, stale: Path | None = None) -> int:
    settings = {"keep/prod": KEEPS, "keep/staging": KEEPS}
    return main({"retentions": settings, "stale": str(stale or tmp_path / "none")}, NOW)


def test_an_admins_hold_is_the_admins(shell: Shell, tmp_path: Path) -> None:
    """An admin's hold does not keep other snapshots from being released, or held."""
    old = [f"keep/prod/www@autosnap_{it}_hourly" for it in range(3)]
    listed = "\n".join([*(line(it, 50 * HOUR, 1) for it in old), line("keep/prod/www@new", 0)])
    holds = f"{old[0]}\tkeep\tx\n{old[1]}\tcoop-offsite\tx\n{old[2]}\tcoop-offsite\tx\n"
    (tmp_path / "listed").write_text(f"{listed}\n")
    (tmp_path / "holds").write_text(holds)
    shell.stand_in(
        "zfs",
        f'case "$*" in *staging) ;; list*) cat {tmp_path}/listed ;; '
        f"holds*) cat {tmp_path}/holds ;; *) echo >&2 ;; esac",
    )
    assert run(tmp_path) == 0
    done = [call for call in shell.calls if call.startswith(("zfs hold ", "zfs release"))]
    assert done == [
        "zfs hold coop-offsite keep/prod/www@new",
        f"zfs release coop-offsite {old[1]} {old[2]}",
    ]


def test_where_one_cannot_be_held_the_others_are(shell: Shell, tmp_path: Path) -> None:
    listed, stale = tmp_path / "listed", tmp_path / "stale.json"
    listed.write_text(f"{line('keep/staging/www@new', 0)}\n")
    stale.write_text(json.dumps(["keep/prod/www"]))
    shell.stand_in("zfs", f'case "$*" in *prod) exit 1 ;; list*) cat {listed} ;; esac')
    assert run(tmp_path, stale) == 1
    assert "zfs hold coop-offsite keep/staging/www@new" in shell.calls
    assert "zfs receive -A keep/prod/www" in shell.calls


def test_what_is_stale_is_given_up_once_and_below_the_targets_alone(
    shell: Shell, tmp_path: Path
) -> None:
    """The account that pulls has written the list, and may give up nothing else."""
    stale = tmp_path / "stale.json"
    shell.stand_in("zfs", "exit 1")
    give_up(stale, ["keep/prod"])
    stale.write_text(json.dumps(["keep/prod/www", "keep/prod", "keep/production/x", "rpool/ROOT"]))
    for _ in range(2):
        give_up(stale, ["keep/prod"])
    assert shell.calls == ["zfs receive -A keep/prod/www"]


def test_where_a_targets_snapshots_cannot_be_read_the_others_are_held(
    shell: Shell, tmp_path: Path
) -> None:
    """Not only a zfs that fails: whatever its answer is."""
    listed = tmp_path / "listed"
    listed.write_text(f"{line('keep/staging/www@new', 0)}\n")
    shell.stand_in("zfs", f'case "$*" in *prod) echo odd ;; list*) cat {listed} ;; esac')
    assert run(tmp_path) == 1
    assert "zfs hold coop-offsite keep/staging/www@new" in shell.calls


NONSENSE = ["", "{", "[{}]", '{"a": 1}', "null", "[" * 100_000, "\0", " " * MOST + "[]"]


@pytest.mark.parametrize(
    "make", [*ODD.values(), *(partial(Path.write_text, data=it) for it in NONSENSE)]
)
def test_nothing_in_the_place_of_the_stale_list_ends_the_pruning(
    shell: Shell,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], Any],
) -> None:
    """The account that pulls writes the list, and sanoid prunes only if the holds succeed."""
    listed, stale = tmp_path / "listed", tmp_path / "stale.json"
    listed.write_text(f"{line('keep/prod/www@new', 0)}\n")
    shell.stand_in("zfs", f'case "$*" in *staging) ;; list*) cat {listed} ;; esac')
    make(stale)
    assert run(tmp_path, stale) == 0
    assert "zfs hold coop-offsite keep/prod/www@new" in shell.calls
    assert not [call for call in shell.calls if "receive" in call]
    assert "stale.json cannot be read, so nothing is given up: " in capsys.readouterr().err


def test_odd_names_and_many_names_keep_no_stale_part(shell: Shell, tmp_path: Path) -> None:
    stale = tmp_path / "stale.json"
    shell.stand_in("zfs")
    odd = ["keep/prod/\0", "keep/prod/\ud800", "keep/prod/" + "x" * 200_000]
    stale.write_text(json.dumps([*odd, "keep/prod/www"]))
    give_up(stale, ["keep/prod"])
    assert shell.calls == ["zfs receive -A keep/prod/www"]
    stale.write_text(json.dumps([*["rpool"] * AT_ONCE, "keep/prod/www"]))
    give_up(stale, ["keep/prod"])
    assert len(shell.calls) == 1
