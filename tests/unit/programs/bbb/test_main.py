"""Each command prints one JSON object, and tells of problems by its exit too."""

import io
import json
import threading
import time
from fcntl import LOCK_EX, flock
from typing import Any

import pytest

from programs.bbb import gate, lock, state, window
from programs.bbb.change import UNIT
from programs.bbb.failed import Failed
from programs.bbb.main import main
from programs.bbb.root import STATE
from tests.unit.programs.bbb.node import NEW, Node

WINDOW = {
    "step": "cordon", "since": 1790000000, "reason": ["3.0.34 -> 3.0.35", "secret"],
    "balancer": {"state": "enabled", "weight": 1.5},
}  # fmt: skip


def call(node: Node, *words: str, given: bytes = b"") -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    status = main(node.root, words, io.BytesIO(given), out)
    assert out.getvalue().count("\n") == 1
    return status, json.loads(out.getvalue())


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["help"],
        ["gate"],
        ["gate", "shut"],
        ["look", "more"],
        ["change", "--wait"],
        ["change", "--wait", "x"],
        ["change", "now"],
        ["window"],
    ],
)
def test_what_is_no_command_is_a_problem(node: Node, words: list[str]) -> None:
    status, said = call(node, *words)
    assert status == 1 and said["problem"].startswith("say look, meetings")


def test_answers_exit_0(node: Node) -> None:
    assert call(node, "look")[1]["release"] == "3.0.35"
    assert call(node, "meetings") == (0, {"answer": "known", "meetings": [], "making": 0})
    node.root.at("/proc/101/stat").unlink()
    assert call(node, "gate", "close") == (0, {"gate": "closed"})
    assert call(node, "gate", "open") == (0, {"gate": "open"})
    assert call(node, "verify") == (0, {"faults": [], "remarks": []})


def test_an_unknown_answer_about_meetings_is_an_answer(node: Node) -> None:
    node.mode = "page"
    status, said = call(node, "meetings")
    assert status == 0 and said["answer"] == "strange"


def test_a_change_that_cannot_begin_is_a_problem(node: Node) -> None:
    status, said = call(node, "change", "--wait", "0", "--cut")
    assert status == 1 and "gate is open" in said["problem"]


@pytest.mark.parametrize("runs", [True, False])
def test_a_change_that_is_at_work_is_not_taken_for_one_that_was_cut_off(
    node: Node, runs: bool
) -> None:
    state.write(node.root, state.State(), state="running", step="apt")
    if runs:
        node.unit(UNIT)
    said = [it["what"] for it in call(node, "look")[1]["waiting"]]
    assert said[0] == ("a change that is at work" if runs else "a change that was cut off")


def test_a_problem_shows_no_secret(node: Node) -> None:
    broken = node.top.parent / "bin/nginx"
    broken.write_text(f"#!/bin/sh\necho securitySalt={NEW} >&2; exit 1\n")
    status, said = call(node, "gate", "close")
    assert status == 1 and "securitySalt=***" in said["problem"]


def test_what_is_not_staged_is_a_problem_with_a_remedy(node: Node) -> None:
    node.root.at(f"{STATE}/wanted.json").unlink()
    status, said = call(node, "verify")
    assert status == 1 and "run deploy.py" in said["problem"]


def test_a_window_is_kept_until_it_is_cleared(node: Node) -> None:
    assert call(node, "window", "read") == (0, {"window": None})
    given = json.dumps(WINDOW).encode()
    assert call(node, "window", "write", given=given) == (0, {"window": WINDOW})
    assert call(node, "window", "read") == (0, {"window": WINDOW})
    assert call(node, "look")[1]["window"] == WINDOW
    for _ in range(2):
        assert call(node, "window", "clear") == (0, {"window": None})


@pytest.mark.parametrize(
    "change",
    [
        {"step": "somewhere"},
        {"since": "now"},
        {"reason": "x"},
        {"balancer": {"state": 1, "weight": 1}},
        {"more": 1},
    ],
)
def test_a_window_of_another_form_is_refused_and_the_one_before_stays(
    node: Node, change: dict[str, Any]
) -> None:
    window.write(node.root, json.dumps(WINDOW).encode())
    status, said = call(node, "window", "write", given=json.dumps({**WINDOW, **change}).encode())
    assert status == 1 and "window" in said["problem"]
    assert window.read(node.root) == WINDOW


def test_a_window_without_balancer_is_one(node: Node) -> None:
    given = json.dumps({**WINDOW, "balancer": None}).encode()
    assert call(node, "window", "write", given=given)[0] == 0


def test_a_damaged_window_is_a_problem(node: Node) -> None:
    node.put(f"{STATE}/window.json", "{")
    assert call(node, "look")[0] == 1


def test_a_second_call_waits_for_the_first(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.root.at(lock.LOCK).touch()
    with node.root.at(lock.LOCK).open("r+b") as held:
        flock(held, LOCK_EX)
        threading.Timer(0.3, held.close).start()
        begun = time.monotonic()
        assert call(node, "gate", "open")[0] == 0 and time.monotonic() - begun > 0.2
    monkeypatch.setattr(lock, "SECONDS", 0.1)
    with node.root.at(lock.LOCK).open("r+b") as held:
        flock(held, LOCK_EX)
        assert "at work" in call(node, "gate", "open")[1]["problem"]


def test_a_state_that_others_get_into_is_refused(node: Node) -> None:
    node.root.at(STATE).chmod(0o755)
    with pytest.raises(Failed, match="chmod 700"), lock.alone(node.root):
        pass
    assert call(node, "gate", "close")[0] == 1 and not node.root.at(gate.FILE).exists()
