"""What a look tells: what waits, since when, and what is wrong."""

import json
import os
from dataclasses import replace
from fcntl import LOCK_EX, flock
from typing import Any

import pytest

from fleet import ROOT
from programs.recordings.look import look
from programs.recordings.main import main
from programs.recordings.problems import KINDS, Problem
from tests.unit.exposition import documented, read
from tests.unit.programs.recordings.node import MEETING, OTHER, Here, Node


def told(host: Node, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What a look tells, with its exit status as `status`."""
    capsys.readouterr()
    status = look(Here(host.settings), host.settings, write=True)
    return {**json.loads(capsys.readouterr().out), "status": status}


def test_a_host_that_has_handed_all_over_may_go(
    host: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    host.settings = replace(host.settings, formats=("presentation",))
    host.publish()
    host.run()
    found = told(host, capsys)
    assert (found["waiting"], found["spooled"], found["queue"], found["oldest"]) == (0, 0, 0, 0)
    assert (found["copied"], found["volume"], found["problems"]) == (1, "there", [])
    assert found["status"] == 0


def test_what_waits_is_told_with_its_age(host: Node, capsys: pytest.CaptureFixture[str]) -> None:
    host.settings = replace(host.settings, formats=("presentation",))
    host.unmount()
    host.publish()
    since = int(host.done(days=2).stat().st_mtime)
    host.publish(OTHER)
    (host.settings.status / "recorded").mkdir()
    (host.settings.status / "recorded" / f"{OTHER}.done").touch()
    host.run()
    found = told(host, capsys)
    assert (found["waiting"], found["spooled"], found["queue"]) == (2, 2, 1)
    assert (found["oldest"], found["volume"]) == (since, "away")
    assert found["status"] == 1
    assert any("no nfs4 is mounted" in it for it in found["problems"])
    assert any("a recording has waited" in it for it in found["problems"])


def test_what_was_published_after_the_run_waits_too(
    host: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    """A spool that is empty does not say that nothing would be lost."""
    host.run()
    host.publish()
    found = told(host, capsys)
    assert (found["waiting"], found["spooled"]) == (1, 0)


def test_one_that_has_changed_since_its_copy_waits(
    host: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = host.publish()
    host.run()
    (directory / "metadata.xml").write_text("another title")
    assert told(host, capsys)["waiting"] == 1


def test_before_the_first_run_nothing_is_known(
    host: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(host, capsys)
    assert found["problems"] == ["no run has told anything yet"]


def test_a_timer_that_stands_still_is_told(host: Node, capsys: pytest.CaptureFixture[str]) -> None:
    host.run()
    (host.settings.state / "last.json").write_text('{"at": 1000, "problems": {}}')
    assert any("the last run ended" in it for it in told(host, capsys)["problems"])


def test_a_look_touches_no_storage(host: Node) -> None:
    """Where the storage is away, whoever touches it waits."""
    host.publish()
    host.run()
    program = Here(host.settings)
    look(program, host.settings, write=False)
    assert [name for name, _ in program.__dict__["parts"]] == ["scan"]


def test_if_nothing_can_be_read_all_series_are_there_all_the_same(
    host: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(Here):
        def part(self, *words: Any, **more: Any) -> dict[str, Any]:
            raise Problem("failed", "scan: it broke")

    host.publish()
    host.run()
    told(host, capsys)
    before = read(host.settings.metrics.read_text())
    assert look(Broken(host.settings), host.settings, write=True) == 1
    after = read(host.settings.metrics.read_text())
    assert {name: set(it) for name, it in after.items()} == {
        name: set(it) for name, it in before.items()
    }
    assert after["coop_recording_problem"][("kind", "failed"),] == 1


def test_the_metrics_are_those_of_the_page(host: Node, capsys: pytest.CaptureFixture[str]) -> None:
    host.publish()
    host.run()
    told(host, capsys)
    found = read(host.settings.metrics.read_text())
    assert found["coop_recording_copied"] == {(): 1}
    assert found["coop_recording_problem"] == {(("kind", it),): 0 for it in KINDS}
    names = documented((ROOT / "docs/recordings.md").read_text())
    assert names == {*found, *KINDS}


def test_two_runs_at_once_are_one(host: Node, capsys: pytest.CaptureFixture[str]) -> None:
    host.publish()
    lock = os.open(host.settings.state / "lock", os.O_RDWR | os.O_CREAT)
    flock(lock, LOCK_EX)
    program = Here(host.settings)
    assert main(program, host.settings, ["run"]) == 1
    assert program.__dict__["parts"] == []
    assert "another run is at work" in capsys.readouterr().err
    os.close(lock)
    assert main(program, host.settings, ["run"]) == 0
    assert host.kept() == [f"{MEETING}-presentation.tar"]


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_spool_where_others_write_is_not_read(
    host: Node, capsys: pytest.CaptureFixture[str], mode: int
) -> None:
    host.publish()
    host.settings.spool.chmod(mode)
    assert main(Here(host.settings), host.settings, ["run"]) == 1
    assert "not BigBlueButton's own" in capsys.readouterr().err
    assert host.kept() == []


def test_a_spool_of_another_owner_is_not_read(host: Node) -> None:
    host.settings = replace(host.settings, account=os.getuid() + 1)
    host.publish()
    assert main(Here(host.settings), host.settings, ["run"]) == 1
    assert host.kept() == []


@pytest.mark.parametrize("words", [[], ["runs"], ["run", "now"]])
def test_other_words_are_refused(host: Node, words: list[str]) -> None:
    assert main(Here(host.settings), host.settings, words) == 2
