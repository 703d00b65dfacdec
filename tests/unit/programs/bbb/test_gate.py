"""The gate refuses new meetings, and is seen to."""

import os

import pytest

from programs.bbb import gate, meetings, state
from programs.bbb.failed import Failed
from programs.bbb.steps import staged
from tests.unit.programs.bbb.node import Node, meeting


def test_the_gate_closes_and_opens_and_both_may_be_said_twice(node: Node) -> None:
    wanted = staged(node.root)
    node.root.at("/proc/101/stat").unlink()
    for _ in range(2):
        gate.close(node.root, wanted)
        assert gate.now(node.root, wanted) == "closed" and gate.is_shut(node.root)
    assert "location = /bigbluebutton/api/create {" in node.text(gate.FILE)
    for _ in range(2):
        gate.open_(node.root, wanted)
        assert gate.now(node.root, wanted) == "open" and not gate.is_shut(node.root)
    assert node.calls("systemctl")[0] == "systemctl reload-or-restart nginx.service"


def test_nginx_is_not_reloaded_with_settings_that_it_refuses(node: Node) -> None:
    node.put("/nginx-is-broken", "")
    with pytest.raises(Failed, match=r"stays open.*unexpected"):
        gate.close(node.root, staged(node.root))
    assert not node.root.at(gate.FILE).exists() and not node.calls("systemctl reload")


def test_a_gate_that_cannot_open_stays_closed_in_its_file_too(node: Node) -> None:
    node.put(gate.FILE, gate.TEXT)
    node.put("/nginx-is-broken", "")
    with pytest.raises(Failed, match="stays closed"):
        gate.open_(node.root, staged(node.root))
    assert gate.is_shut(node.root) and not node.calls("systemctl reload")


def test_another_text_in_the_file_is_no_gate(node: Node) -> None:
    node.put(gate.FILE, "# nothing\n")
    assert not gate.is_shut(node.root)


def test_a_gate_that_does_not_answer_is_not_taken_for_closed(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.root.at("/proc/101/stat").unlink()
    monkeypatch.setattr(gate, "refuses_meetings", lambda *_: False)
    with pytest.raises(Failed, match="still reaches BBB"):
        gate.close(node.root, staged(node.root))
    assert gate.now(node.root, staged(node.root)) == "open"


def test_a_gate_before_a_dead_front_is_closed(node: Node) -> None:
    node.put(gate.FILE, gate.TEXT)
    node.want(front={"address": "127.0.0.1", "port": 1, "bundle": None})
    assert gate.now(node.root, staged(node.root)) == "closed"


def test_old_workers_end_if_no_meeting_is_live(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    def kill(pid: int, number: int) -> None:
        ended.append((pid, number))
        node.root.at(f"/proc/{pid}/stat").unlink()

    monkeypatch.setattr(os, "kill", kill)
    gate.close(node.root, staged(node.root))
    assert ended == [(101, 15)]


@pytest.mark.parametrize("mode", ["slow", "page"])
def test_old_workers_stay_and_the_gate_is_a_problem_if_nobody_knows_of_meetings(
    node: Node, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a worker was ended"))
    monkeypatch.setattr(meetings, "SECONDS", 0.5)
    node.mode = mode
    with pytest.raises(Failed, match="workers of nginx"):
        gate.close(node.root, staged(node.root))


def test_old_workers_of_a_meeting_stay(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a worker was ended"))
    node.live = [meeting()]
    gate.close(node.root, staged(node.root))


def test_a_new_process_with_an_old_number_is_no_old_worker(node: Node) -> None:
    before = gate.workers(node.root)
    node.put("/proc/101/stat", "101 (nginx) S 100 0" + " 0" * 16 + " 777 0")
    node.put("/proc/102/stat", "102 (nginx) S 1 0" + " 0" * 16 + " 778 0")
    node.put("/proc/103/stat", "103 (a) b) S 100 0" + " 0" * 16 + " 779 0")
    assert before == {(101, "555")}
    assert gate.workers(node.root) == {(101, "777"), (103, "779")}


def test_without_nginx_there_is_no_gate(node: Node) -> None:
    node.root.at("/run/nginx.pid").unlink()
    with pytest.raises(Failed, match="nginx does not run"):
        gate.close(node.root, staged(node.root))


def test_after_an_opening_somebody_may_be_in_a_meeting(node: Node) -> None:
    state.write(node.root, state.State(), may_have_people=False)
    node.put(gate.FILE, gate.TEXT)
    gate.open_(node.root, staged(node.root))
    assert state.read(node.root).may_have_people
