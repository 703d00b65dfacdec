"""What a node answers is read strictly, and reaches a terminal as text alone."""

import json
from typing import Any

import pytest

from controller.roll import answers, words
from controller.roll.answers import Change, Look, Meetings, Unreadable, Window, read

MEETING = {
    "id": "m1", "name": "General assembly", "people": 12, "breakout_of": None, "begun": True,
    "created": 1_780_000_000,
}  # fmt: skip
KNOWN = {"answer": "known", "meetings": [MEETING]}
LOOK = {
    "release": "3.0.34", "wanted": "3.0.35", "dpkg": [], "meetings": KNOWN, "gate": "open",
    "waiting": [{"what": "3.0.34 -> 3.0.35", "class": "C"}, {"what": "secret", "class": "C"}],
    "units": {"bbb-web.service": {"active": "active", "restarts": 0}}, "window": None,
    "places": {"/etc/bigbluebutton/bbb-web.properties": "other"}, "drift": [],
    "spool": {"waiting": 2, "oldest": 1_780_000_000, "queue": 0},
}  # fmt: skip


def test_a_look_is_read_whole() -> None:
    look = read(Look, json.dumps(LOOK))
    assert look.meetings.meetings and look.meetings.meetings[0].people == 12
    assert look.spool and look.spool.waiting == 2
    assert words.waits("bbb2", look) == ("bbb2: 3.0.34 -> 3.0.35, secret; 1 meeting, 12 people")


def test_a_look_at_a_node_without_anything_of_this_project_is_read_too() -> None:
    bare = {**LOOK, "wanted": None, "waiting": [], "units": {}, "spool": None}
    assert words.waits("bbb2", read(Look, json.dumps(bare))) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"answer": "known"},
        {"answer": "known", "meetings": None},
        {"answer": "slow", "meetings": []},
        {"answer": "unreachable", "meetings": [MEETING], "why": "down"},
        {"answer": "none"},
        {"answer": "known", "meetings": {}},
        {"answer": "known", "meetings": [{**MEETING, "people": "0"}]},
        {"answer": "known", "meetings": [{**MEETING, "people": -1}]},
        {"answer": "known", "meetings": [{**MEETING, "people": True}]},
        {"answer": "known", "meetings": [{**MEETING, "begun": 1}]},
        {"answer": "known", "meetings": [{"id": "m1"}]},
        [],
        None,
        "known",
    ],
)
def test_no_other_form_is_a_list_of_meetings(wrong: Any) -> None:
    with pytest.raises(Unreadable):
        read(Meetings, json.dumps(wrong))


@pytest.mark.parametrize(
    "text", ["", "{", '{"answer": "known", "meetings": []', "\x00", "[" * 9999]
)
def test_half_an_answer_is_none(text: str) -> None:
    with pytest.raises(Unreadable):
        read(Meetings, text)


def test_an_answer_without_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LONGEST", 100)
    with pytest.raises(Unreadable, match="more than 100 characters"):
        read(Meetings, json.dumps({**KNOWN, "why": "x" * 200}))


def test_a_meeting_s_name_moves_no_cursor_and_forges_no_line() -> None:
    forged = {**MEETING, "name": "\x1b[2J\nbbb2: done", "id": "\u202egnp"}
    meetings = read(Meetings, json.dumps({"answer": "known", "meetings": [forged]}))
    assert meetings.meetings
    text = words.names(meetings.meetings)
    assert text == "\\x1b[2J\\nbbb2: done (12)" and text.isprintable()
    assert meetings.meetings[0].id == "\\u202egnp"


def test_what_an_answer_holds_is_in_no_message() -> None:
    with pytest.raises(Unreadable) as error:
        read(Change, json.dumps({"state": "topsecret", "log": []}))
    assert "topsecret" not in str(error.value) and "state" in str(error.value)


def test_a_window_comes_back_from_the_host_as_it_was_written() -> None:
    window = Window(
        step=answers.Step.GATE, since=5, reason=("3.0.34 -> 3.0.35",),
        balancer=answers.Before(state="serving", weight=1.0),
    )  # fmt: skip
    assert read(Window, window.model_dump_json()) == window
    assert json.loads(window.model_dump_json()) == {
        "step": "gate", "since": 5, "reason": ["3.0.34 -> 3.0.35"],
        "balancer": {"state": "serving", "weight": 1.0},
    }  # fmt: skip


def test_many_meetings_are_named_by_the_largest() -> None:
    many = [{**MEETING, "id": str(n), "name": f"M{n}", "people": n} for n in range(9)]
    meetings = read(Meetings, json.dumps({"answer": "known", "meetings": many})).meetings
    assert meetings is not None
    assert words.names(meetings) == "M8 (8), M7 (7), M6 (6), M5 (5), M4 (4), M3 (3), 3 more"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20, "20 s"), (89, "89 s"), (600, "10 min"), (3600, "1 h"), (12000, "3 h 20 min")],
)
def test_a_duration_is_said_in_two_units_at_most(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text
