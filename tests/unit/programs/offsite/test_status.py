"""Which copies are told as too old or not proven, and the metrics for monitoring."""

import io
import json
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet import ROOT
from programs.offsite.status import files, metrics
from programs.offsite.status import main as status
from programs.offsite.status import problems as judged
from programs.shared import whole
from tests.unit.exposition import documented, read
from tests.unit.operation_harness import Shell
from tests.unit.programs.test_plain import ODD

HOUR = 3600
NOW = 1_800_000_000
WWW = "tank/prod/www"
SETTINGS: dict[str, Any] = {
    "copies": {"tank/prod": "keep/tank/prod"},
    "expected": [WWW],
    "rpo": {"source": HOUR, "offsite": 2 * HOUR},
    "proof_seconds": 8 * 24 * HOUR,
}


def problems(kept: int | None, source: int | None, seen: int = 0) -> list[str]:
    """The problems of snapshots of these ages, if the source was seen so long ago, in seconds."""
    there = {} if source is None else {WWW: NOW - source}
    here = {} if kept is None else {WWW: NOW - kept}
    look = {"at": NOW - seen, "newest": there}
    return [it.text for it in judged.problems(SETTINGS, look, here, NOW)]


def test_what_is_fresh_is_no_problem() -> None:
    assert problems(kept=2 * HOUR, source=HOUR) == []
    # What counts is how old the snapshot was at the last look at the source, an hour ago.
    assert problems(kept=2 * HOUR, source=2 * HOUR, seen=HOUR) == []


def test_what_is_too_old_is_said() -> None:
    assert problems(kept=2 * HOUR + 1, source=HOUR) == [
        f"{WWW}: offsite: the newest snapshot is 7201 s old, and may be 7200"
    ]
    assert problems(kept=HOUR, source=HOUR + 1) == [
        f"{WWW}: source: the newest snapshot is 3601 s old, and may be 3600"
    ]


def test_what_was_never_there_or_is_gone_is_said() -> None:
    assert problems(kept=None, source=None) == [
        f"{WWW}: source: no snapshot",
        f"{WWW}: offsite: no snapshot",
    ]
    assert len(list(judged.problems(SETTINGS, {}, {}, NOW))) == 2


def test_a_clock_that_is_ahead_does_not_pass_for_freshness() -> None:
    (problem,) = problems(kept=-301, source=0)
    assert problem == f"{WWW}: offsite: from 301 s ahead: whose clock is wrong?"


def unproven(**last: Any) -> list[str]:
    evidence = {WWW: last} if last else {}
    return [it.text for it in judged.unproven(SETTINGS, evidence, NOW)]


def test_a_copy_counts_once_it_was_restored_and_for_some_days() -> None:
    assert unproven(problem=None, proven=NOW - 8 * 24 * HOUR) == []
    assert unproven(problem=None, proven=NOW - 9 * 24 * HOUR) == [
        f"{WWW}: drill: the last is 9 days ago, and counts for 8"
    ]
    assert unproven(problem=None, proven=NOW + HOUR) == [
        f"{WWW}: drill: the last is from 3600 s ahead: whose clock is wrong?"
    ]
    assert unproven() == [f"{WWW}: drill: it was never restored on trial"]


def test_a_drill_that_failed_is_said_whatever_was_before() -> None:
    assert unproven(problem="4 errors", proven=NOW) == [f"{WWW}: drill: 4 errors"]
    assert unproven(problem="4 errors", proven=0) == [f"{WWW}: drill: 4 errors"]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell(tmp_path)
    shell.stand_in("zfs", r"printf 'keep/tank/prod/www@a\t1\nkeep/tank/prod/www@b\t7\n'")
    shell.stand_in("systemctl", "exit 1")
    monkeypatch.setenv("PATH", shell.path)
    return shell


@pytest.fixture
def settings(tmp_path: Path, shell: Shell) -> dict[str, Any]:
    """The settings of a host that has two snapshots of WWW, and nothing else yet."""
    files = {"metrics": "offsite.prom"} | {it: f"{it}.json" for it in ("seen", "stale", "evidence")}
    return {**SETTINGS, **{name: str(tmp_path / file) for name, file in files.items()}}


def test_as_the_unit_runs_it(
    settings: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: float(NOW))
    file = Path(settings["metrics"])
    assert status.main(settings, only_look=True) == 1
    assert not file.exists()
    Path(settings["seen"]).write_text(json.dumps({"at": 5, "newest": {WWW: 4, "tank/gone": 3}}))
    Path(settings["evidence"]).write_text(json.dumps({WWW: {"problem": None, "proven": 6}}))
    assert status.main(settings) == 1
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["offsite"], said["source"]["newest"][WWW]) == ({WWW: 7}, 4)
    assert said["problems"] == [
        f"{WWW}: offsite: the newest snapshot is {NOW - 7} s old, and may be 7200",
        f"{WWW}: drill: the last is 20833 days ago, and counts for 8",
    ]
    found = read(file.read_text())
    wrong = {labels: value for labels, value in found.pop("coop_copy_problem").items() if value}
    assert wrong == {problem("offsite_old"): 1, problem("drill_old"): 1}
    assert found == {
        "coop_copy_newest_snapshot_timestamp_seconds": {
            (("dataset", WWW), ("place", "source")): 4,
            (("dataset", WWW), ("place", "offsite")): 7,
        },
        "coop_copy_last_proof_timestamp_seconds": {(("dataset", WWW),): 6},
        "coop_copy_pruning_failed": {(): 0},
        "coop_copy_unreadable": {(): 0},
        "coop_copy_source_seen_timestamp_seconds": {(): 5},
        "coop_copy_status_timestamp_seconds": {(): NOW},
    }


def problem(kind: str) -> tuple[tuple[str, str], ...]:
    return (("dataset", WWW), ("kind", kind))


def told(seen: dict[str, Any], kept: dict[str, int], last: dict[str, Any]) -> dict[str, Any]:
    """The metrics if this is known of WWW."""
    evidence = {WWW: last} if last else {}
    found = [
        *judged.problems(SETTINGS, seen, kept, NOW),
        *judged.unproven(SETTINGS, evidence, NOW),
    ]
    return read(
        metrics.metrics(
            SETTINGS, seen, kept, evidence, found=found, pruning_failed=False, unreadable=0, now=NOW
        )
    )


def test_what_never_was_has_its_series_and_the_value_0() -> None:
    found = told({}, {}, {})
    assert found["coop_copy_newest_snapshot_timestamp_seconds"] == {
        (("dataset", WWW), ("place", "source")): 0,
        (("dataset", WWW), ("place", "offsite")): 0,
    }
    assert found["coop_copy_last_proof_timestamp_seconds"] == {(("dataset", WWW),): 0}
    assert found["coop_copy_source_seen_timestamp_seconds"] == {(): 0}


FRESH: dict[str, Any] = {
    "seen": {"at": NOW, "newest": {WWW: NOW}},
    "kept": {WWW: NOW},
    "last": {"problem": None, "proven": NOW},
}


def snapshot(at: int) -> dict[str, Any]:
    return {"seen": {"at": NOW, "newest": {WWW: at}}}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("source_missing", {"seen": {"at": NOW, "newest": {}}}),
        ("source_ahead", snapshot(NOW + HOUR)),
        ("source_old", snapshot(NOW - 2 * HOUR)),
        ("offsite_missing", {"kept": {}}),
        ("offsite_ahead", {"kept": {WWW: NOW + HOUR}}),
        ("offsite_old", {"kept": {WWW: NOW - 3 * HOUR}}),
        ("drill_missing", {"last": {}}),
        ("drill_ahead", {"last": {"problem": None, "proven": NOW + HOUR}}),
        ("drill_old", {"last": {"problem": None, "proven": 1}}),
        ("drill_failed", {"last": {"problem": "4 errors", "proven": NOW}}),
        (None, {}),
    ],
)
def test_each_problem_has_a_series_that_is_1_and_is_0_without_it(
    kind: str | None, change: dict[str, Any]
) -> None:
    found = told(**{**FRESH, **change})["coop_copy_problem"]
    assert found == {problem(each): int(each == kind) for each in judged.KINDS}


def test_pruning_that_fails_is_in_a_metric(shell: Shell, settings: dict[str, Any]) -> None:
    shell.stand_in("systemctl", "exit 0")
    status.main(settings)
    found = read(Path(settings["metrics"]).read_text())
    assert found["coop_copy_pruning_failed"] == {(): 1}


@pytest.mark.parametrize("name", ["seen", "stale", "evidence"])
def test_a_file_that_cannot_be_read_is_in_a_metric(settings: dict[str, Any], name: str) -> None:
    Path(settings[name]).write_text("{")
    assert status.main(settings) == 1
    found = read(Path(settings["metrics"]).read_text())
    assert found["coop_copy_unreadable"] == {(): 1}


@given(st.text())
@example('\\n "\n\\')
def test_any_name_of_a_dataset_comes_back_as_it_was(name: str) -> None:
    text = metrics.family("coop_x", "Of x.", [({"dataset": name}, 1)])
    assert read(text) == {"coop_x": {(("dataset", name),): 1}}


@pytest.mark.parametrize("value", ["1", 1.5, float("nan"), None, "1\ncoop_y 2"])
def test_a_value_that_is_no_whole_number_is_not_written(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        metrics.family("coop_x", "Of x.", [({}, value)])


def test_the_metrics_are_for_everybody_to_read(tmp_path: Path) -> None:
    file, before = tmp_path / "a.prom", os.umask(0o077)
    try:
        whole.replace(file, "a 1\n")
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o644


def test_the_metrics_are_written_through_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    file, new = tmp_path / "a.prom", tmp_path / "a.new"
    for link in (file, new):
        link.symlink_to(precious)
    whole.replace(file, "a 1\n")
    assert (precious.read_text(), file.read_text()) == ("keep me", "a 1\n")
    assert not file.is_symlink() and sorted(tmp_path.iterdir()) == [file, precious]
    # Nor through a link that somebody makes there meanwhile.
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok: new.symlink_to(precious))
    with pytest.raises(FileExistsError):
        whole.replace(file, "a 2\n")
    assert (precious.read_text(), file.read_text()) == ("keep me", "a 1\n")


def test_metrics_that_do_not_reach_the_disk_leave_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.prom"
    whole.replace(file, "a 1\n")

    def fail(_: int) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no room"):
        patch.setattr("os.fsync", fail)
        whole.replace(file, "a 2\n")
    assert file.read_text() == "a 1\n"
    # What the failure left is no obstacle.
    whole.replace(file, "a 3\n")
    assert file.read_text() == "a 3\n"


def test_metrics_that_cannot_be_written_are_a_failure_that_is_told(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also if nothing else is wrong. Other problems are told all the same."""
    monkeypatch.setattr("time.time", lambda: 7.0)
    Path(settings["seen"]).write_text(json.dumps({"at": 7, "newest": {WWW: 7}}))
    Path(settings["evidence"]).write_text(json.dumps({WWW: {"problem": None, "proven": 7}}))
    assert status.main(settings) == 0
    missing = {**settings, "metrics": str(Path(settings["metrics"]).parent / "no/a.prom")}
    capsys.readouterr()
    assert status.main(missing) == 1
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("the metrics cannot be written: ") and "no/a.new" in line
    assert json.loads(said.out)["problems"] == [line]
    Path(settings["evidence"]).unlink()
    assert status.main(missing) == 1
    assert "never restored" in capsys.readouterr().err


def test_the_page_lists_the_metrics_and_the_kinds_of_problems() -> None:
    page = (ROOT / "docs/offsite.md").read_text()
    assert documented(page) == told(**FRESH).keys() | set(judged.KINDS)


def test_pruning_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program hold runs before the pruning. Nothing else would tell what could not be held."""
    shell = Shell(tmp_path)
    monkeypatch.setenv("PATH", shell.path)
    for code, said in ((1, []), (0, ["journalctl -u sanoid-prune.service"])):
        shell.stand_in("systemctl", f"exit {code}")
        assert [problem.partition(": ")[2] for problem in judged.unpruned()] == said


RIGHT: dict[str, Any] = {
    "seen": {"at": NOW, "newest": {WWW: NOW}},
    "stale": [],
    "evidence": {WWW: {"problem": None, "proven": NOW}},
}
NONSENSE: dict[str, list[str]] = {
    "seen": ['{"at": "x", "newest": {}}', '{"at": 1}', '{"at": 1, "newest": {"a": 1e400}}'],
    "stale": ["{}", "[1]"],
    "evidence": ['{"a": 1}', '{"a": {"proven": "x"}}', '{"a": {"proven": 1, "problem": []}}'],
}
ANYWHERE = ["", "{", "5", "[" * 100_000, "\0" * 10, "\xff", " " * files.MOST + "{}", "[null]"]


def fresh(shell: Shell, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a host where nothing is wrong."""
    monkeypatch.setattr("time.time", lambda: float(NOW))
    shell.stand_in("zfs", rf"printf 'keep/tank/prod/www@a\t{NOW}\n'")
    for name, right in RIGHT.items():
        Path(settings[name]).write_text(json.dumps(right))


@pytest.mark.parametrize("name", RIGHT)
def test_whatever_is_in_the_place_of_a_file_is_told_and_ends_nothing(
    shell: Shell, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The account that pulls writes two of the files, and a reset may leave the third empty."""
    fresh(shell, settings, monkeypatch)
    assert looked(settings) == (0, [])
    file = Path(settings[name])
    makes: list[Callable[[Path], Any]] = [*ODD.values()]
    for text in (*ANYWHERE, *NONSENSE[name]):
        makes.append(partial(Path.write_bytes, data=text.encode("latin-1")))
    for make in makes:
        file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink()
        make(file)
        Path(settings["metrics"]).unlink()
        code, said = looked(settings)
        assert code == 1 and said[0].startswith(f"{file} cannot be read: "), said
        assert read(Path(settings["metrics"]).read_text())


def looked(settings: dict[str, Any]) -> tuple[int, list[str]]:
    """The exit status of a look, and the problems that it prints."""
    with redirect_stdout(io.StringIO()) as out:
        code = status.main(settings)
    return code, json.loads(out.getvalue())["problems"]


def test_a_target_that_cannot_be_listed_hides_no_other(
    shell: Shell, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh(shell, settings, monkeypatch)
    listed = rf"printf 'keep/tank/prod/www@a\t{NOW}\n'"
    shell.stand_in("zfs", f'case "$*" in *gone) exit 1 ;; esac; {listed}')
    copies = {"tank/gone": "keep/tank/gone", **settings["copies"]}
    code, (said,) = looked({**settings, "copies": copies})
    assert (code, said[:50]) == (1, "keep/tank/gone: its snapshots cannot be listed: Co")
