"""The file that Prometheus reads: whole, with a series for each thing that is expected."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from fleet import ROOT
from programs.metrics import boot, settings_of
from programs.metrics.main import KEPT, MEANINGS, before, main
from tests.unit.exposition import documented, read
from tests.unit.programs.metrics.stage import (
    FAILED_UNITS,
    HEALTHY,
    ZFS_LIST,
    ZPOOL_STATUS,
    Stage,
)


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


def told(host: Stage) -> dict[str, list[float]]:
    """The values of each metric that has whole numbers, after a look."""
    assert main(host.settings, host) == 0
    found = before(Path(host.settings.file))
    return {name: [*it.values()] for name, it in found.items()}


def test_what_was_wrong_goes_on_while_nobody_can_look(host: Stage) -> None:
    """A unit that failed, files that are damaged, a reboot that is due, a dataset that is gone."""
    host.told[FAILED_UNITS] = "a b.service loaded failed failed A\n"
    host.told[ZPOOL_STATUS] = HEALTHY.replace("No known data errors", "3 data errors, use '-v'")
    host.told[ZFS_LIST] = "storage\t600000\t400000\nstorage/prod/prod1\t300000\t200000\n"
    host.write("reboot-required", "")
    last = told(host)
    assert last["coop_unit_failed"] == [1] and last["coop_pool_damaged_files"] == [3]
    assert last["coop_dataset_used_bytes"] == [300000, 0] and last["coop_reboot_required"] == [1]
    host.told = {}
    for _ in range(2):
        after = told(host)
        for name in KEPT & last.keys():
            assert after[name] == last[name], name
    assert 0 in after["coop_metrics_collector_success"]


def test_a_list_of_volumes_that_takes_too_long_destroys_none(host: Stage) -> None:
    last = told(host)
    host.told[ZFS_LIST] = None
    assert told(host)["coop_dataset_used_bytes"] == last["coop_dataset_used_bytes"]
    host.told[ZFS_LIST] = "storage\t600000\t400000\n"
    assert told(host)["coop_dataset_used_bytes"] == [0, 0]


def test_what_has_to_be_there_is_not_there_while_nobody_can_look(host: Stage) -> None:
    told(host)
    host.told = {}
    (host.top / "kstat/storage/state").unlink()
    after = told(host)
    assert after["coop_firewall_present"] == [0]
    assert set(after["coop_pool_state"]) == {0}


def test_a_change_goes_on_while_coop_bbb_fails_and_the_api_is_down(host: Stage) -> None:
    host.settings = replace(host.settings, bbb="coop-bbb")
    well = {"answer": "known", "seconds": 0.01, "changing": True}
    host.told["coop-bbb probe"] = json.dumps(well)
    assert told(host)["bbb_api_up"] == [1]
    del host.told["coop-bbb probe"]
    after = told(host)
    assert (after["bbb_api_up"], after["coop_bbb_changing"]) == ([0], [1])
    assert set(after["coop_bbb_api_answer"]) == {0}


def test_a_last_look_that_nobody_can_read_is_none(host: Stage) -> None:
    Path(host.settings.file).write_bytes(b"coop_units_failed x\ncoop_unit_failed{ 1\n\xff")
    host.told = {}
    assert "coop_units_failed" not in told(host)


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
