"""What the audit tells of a node."""

from typing import Any

import pytest

from facts.bbb import BbbState
from roles import bbb
from roles.bbb.found import judge

WHOLE: dict[str, Any] = {
    "release": "3.0.35",
    "wanted": "3.0.35",
    "dpkg": [],
    "waiting": [],
    "meetings": {"answer": "known", "meetings": []},
    "units": {"bbb-web.service": {"active": "active", "restarts": 0}},
    "gate": "open",
    "window": None,
    "places": {"/etc/bigbluebutton/bbb-web.properties": "wanted"},
    "drift": [],
    "spool": None,
}
MEETING = {
    "id": "a",
    "name": "General assembly",
    "people": 41,
    "breakout_of": None,
    "begun": True,
    "created": 1,
}


def told(**changes: Any) -> BbbState:
    return BbbState({**WHOLE, **changes}, "", "3.0.35", ("bbb-web",))


def test_a_node_that_is_as_wanted_has_no_drift() -> None:
    meetings = {"answer": "known", "meetings": [MEETING]}
    found = judge(told(meetings=meetings))
    assert found.drift == []
    assert found.text == "BigBlueButton 3.0.35: 1 meeting, 41 people, gate open"


WINDOW = {"step": "change", "since": 1, "reason": [], "balancer": None}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dpkg": ["bbb-web"]}, "packages that are not whole: bbb-web"),
        ({"waiting": [{"what": "secret", "class": "C"}]}, "waits for a window: secret"),
        ({"places": {"/tmp/x": "other"}}, "/tmp/x has another API secret"),
        (
            {"units": {"redis.service": {"active": "failed", "restarts": 3}}},
            "redis.service does not run (failed)",
        ),
        ({"gate": "closed"}, "the gate is closed, and no window is open"),
        ({"gate": "closed", "window": WINDOW}, "a window is open, at the step change"),
        ({"meetings": {"answer": "slow", "why": "10 s"}}, "its meetings are not known (slow"),
        ({"drift": ["two PostgreSQL clusters"]}, "two PostgreSQL clusters"),
    ],
)
def test_whatever_is_otherwise_is_told(changes: dict[str, Any], says: str) -> None:
    (line,) = judge(told(**changes)).drift
    assert line.startswith(says)


def test_a_bare_node_and_one_that_does_not_tell_are_drift() -> None:
    assert judge(BbbState()).drift == ["BigBlueButton is not installed"]
    silent = BbbState(None, "no answer within 300 s", "3.0.34", ("bbb-web",))
    assert judge(silent).drift == ["BigBlueButton 3.0.34: no answer within 300 s"]
    strange = BbbState({"release": 3}, "", "3.0.34", ("bbb-web",))
    assert "is not as it should be" in judge(strange).drift[0]


def test_a_run_says_what_waits_and_who_meets() -> None:
    waiting = [{"what": "3.0.34 -> 3.0.35", "class": "C"}, {"what": "secret", "class": "C"}]
    meetings = {"answer": "known", "meetings": [MEETING]}
    line = bbb.waits("bbb2", {**WHOLE, "waiting": waiting, "meetings": meetings})
    assert line == "bbb2: 3.0.34 -> 3.0.35, secret; 1 meeting, 41 people"
    assert bbb.waits("bbb2", WHOLE) == ""
    with pytest.raises(ValueError, match="not as it should be"):
        bbb.waits("bbb2", {"waiting": "nothing"})
