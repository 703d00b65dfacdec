"""The file that Prometheus reads: whole, with a series for each thing that is expected."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from fleet import ROOT
from programs.metrics import boot, settings_of
from programs.metrics.main import MEANINGS, main
from tests.unit.exposition import documented, read
from tests.unit.programs.metrics.stage import Stage


def written(host: Stage) -> dict[str, set[object]]:
    return {name: {*it} for name, it in read(Path(host.settings.file).read_text()).items()}


def test_what_fails_takes_no_series_away(host: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(host.settings, host) == 0
    before = written(host)
    host.told = {}
    for it in ("mountinfo", "shadow"):
        (host.top / it).unlink()
    assert main(host.settings, host) == 0
    assert written(host) == before
    assert "pool: Failed: zpool list" in capsys.readouterr().err


def test_a_fault_of_our_own_in_one_part_leaves_the_others(
    host: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(boot, "_key", lambda _: 1 / 0)
    assert main(host.settings, host) == 0
    found = read(Path(host.settings.file).read_text())["coop_metrics_collector_success"]
    assert [dict(it)["collector"] for it, value in found.items() if not value] == ["boot"]
    assert "boot: ZeroDivisionError" in capsys.readouterr().err


def test_metrics_that_cannot_be_written_are_a_failure(
    host: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = settings_of({**asdict(host.settings), "file": str(host.top / "no/a.prom")})
    assert main(missing, host) == 1
    assert "the metrics cannot be written: " in capsys.readouterr().err


def test_the_page_lists_the_metrics(host: Stage) -> None:
    assert documented((ROOT / "docs/metrics.md").read_text()) == {*MEANINGS}


def test_the_settings_are_what_the_file_says(host: Stage) -> None:
    assert settings_of(json.loads(json.dumps(asdict(host.settings)))) == host.settings
