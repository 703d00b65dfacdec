"""How old copies may be, before it is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from programs.offsite import status
from tests.unit.operation_harness import Shell

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
    """Of snapshots of these ages, in seconds, and a look at the source that long ago."""
    there = {} if source is None else {WWW: NOW - source}
    here = {} if kept is None else {WWW: NOW - kept}
    look = {"at": NOW - seen, "newest": there}
    return list(status.problems(SETTINGS, look, here, NOW))


def test_what_is_fresh_is_no_problem() -> None:
    assert problems(kept=2 * HOUR, source=HOUR) == []
    # The source is judged when it was looked at last: that alone is an hour ago.
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
    assert len(list(status.problems(SETTINGS, {}, {}, NOW))) == 2


def test_a_clock_that_is_ahead_does_not_pass_for_freshness() -> None:
    (problem,) = problems(kept=-301, source=0)
    assert problem == f"{WWW}: offsite: from 301 s ahead: whose clock is wrong?"


def unproven(**last: Any) -> list[str]:
    evidence = {WWW: last} if last else {}
    return list(status.unproven(SETTINGS, evidence, NOW))


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


def test_as_the_unit_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("zfs", r"printf 'keep/tank/prod/www@a\t1\nkeep/tank/prod/www@b\t7\n'")
    shell.stand_in("systemctl", "exit 1")
    monkeypatch.setenv("PATH", shell.path)
    file, seen = tmp_path / "metrics/offsite.prom", tmp_path / "seen.json"
    evidence = tmp_path / "evidence.json"
    files = {"metrics": file, "seen": seen, "evidence": evidence}
    settings = {**SETTINGS, **{name: str(path) for name, path in files.items()}}
    assert status.main(settings, only_look=True) == 1
    assert not file.exists()
    seen.write_text(json.dumps({"at": 5, "newest": {WWW: 4}}))
    evidence.write_text(json.dumps({WWW: {"problem": None, "proven": 6}}))
    assert status.main(settings) == 1
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["offsite"], said["source"]["newest"]) == ({WWW: 7}, {WWW: 4})
    assert [line for line in file.read_text().splitlines() if not line.startswith("#")] == [
        f'coop_backup_newest_snapshot_timestamp_seconds{{dataset="{WWW}",place="source"}} 4',
        f'coop_backup_newest_snapshot_timestamp_seconds{{dataset="{WWW}",place="offsite"}} 7',
        f'coop_backup_last_proof_timestamp_seconds{{dataset="{WWW}"}} 6',
    ]


def test_pruning_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hold.py comes before it, and what could not be held would be told by nothing else."""
    shell = Shell(tmp_path)
    monkeypatch.setenv("PATH", shell.path)
    for code, said in ((1, []), (0, ["journalctl -u sanoid-prune.service"])):
        shell.stand_in("systemctl", f"exit {code}")
        assert [problem.partition(": ")[2] for problem in status.unpruned()] == said
