"""The API in numbers: a wrong secret, a slow one and one that is down are none of an idle node."""

import json
import threading
from pathlib import Path

import pytest

from programs.bbb import probe
from programs.bbb.lock import LOCK, alone
from tests.unit.programs.bbb.node import OLD, PROPERTIES, Node, meeting


def test_an_idle_node_has_no_meetings_and_says_so(node: Node) -> None:
    found = probe.probe(node.root)
    assert 0 <= found.pop("seconds") < 3
    assert found == {
        "answer": "known", "changing": False, "meetings": 0,
        "participants": 0, "listeners": 0, "voice": 0, "video": 0,
    }  # fmt: skip


def test_people_are_counted_and_not_named(node: Node) -> None:
    node.live = [
        meeting("m1", participantCount=5, listenerCount=3, voiceParticipantCount=2, videoCount=1),
        meeting("m2", participantCount=2, listenerCount=1, videoCount="odd"),
        meeting("over", participantCount=9, running="false", endTime=1790000001000),
    ]
    found = probe.probe(node.root)
    assert (found["meetings"], found["participants"], found["listeners"]) == (2, 7, 4)
    assert (found["voice"], found["video"]) == (2, 1)
    assert "m1" not in json.dumps(found)


def test_a_wrong_secret_is_no_idle_node(node: Node) -> None:
    node.put(PROPERTIES, f"securitySalt={OLD}\n", 0o640)
    found = probe.probe(node.root)
    assert found["answer"] == "refused" and "meetings" not in found


def test_one_that_hangs_is_slow(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.3)
    node.mode = "slow"
    found = probe.probe(node.root)
    assert found["answer"] == "slow" and "meetings" not in found
    assert 0.3 <= found["seconds"] < 3


def test_a_node_without_bbb_has_an_api_that_is_down(node: Node) -> None:
    node.root.at(PROPERTIES).unlink()
    assert probe.probe(node.root)["answer"] == "unreachable"


def test_a_change_at_work_is_told(node: Node) -> None:
    assert not probe.probe(node.root)["changing"]
    begun, end = threading.Event(), threading.Event()

    def change() -> None:
        with alone(node.root):
            begun.set()
            end.wait(20)

    thread = threading.Thread(target=change)
    thread.start()
    assert begun.wait(10)
    assert probe.probe(node.root)["changing"]
    end.set()
    thread.join()
    assert not probe.probe(node.root)["changing"]
    assert Path(node.root.at(LOCK)).exists()


def test_a_change_holds_no_lock_and_is_told_by_its_unit(node: Node) -> None:
    unit = node.root.at("/units/coop-bbb-change.service")
    unit.parent.mkdir(exist_ok=True)
    unit.write_text(
        "Id=coop-bbb-change.service\nLoadState=loaded\nActiveState=active\nNRestarts=0\n"
    )
    assert probe.probe(node.root)["changing"]
