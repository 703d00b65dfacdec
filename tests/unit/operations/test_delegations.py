"""A user may do exactly what the data says, and no other user's rights change."""

from typing import Any

from facts.delegations import BELOW_TOO, Allowed, Delegations
from operations.delegations import allowed
from tests.unit.operation_harness import Run, run

DATASETS = ["tank/prod", "tank/staging"]
SEND = frozenset({(BELOW_TOO, "send")})


def apply(**now: Allowed) -> Run:
    facts: dict[type, Any] = {Delegations: {f"tank/{name}": it for name, it in now.items()}}
    return run(allowed, "pull", DATASETS, ["send"], facts=facts)


def test_what_is_as_wanted_is_left() -> None:
    others = {"pull": SEND, "web": frozenset({("Local", "mount")})}
    done = apply(prod=others, staging={"pull": SEND})
    assert (done.commands, done.said) == ([], [])


def test_nothing_is_allowed_yet() -> None:
    done = apply()
    assert done.lines == [
        "zfs allow -u pull send tank/prod",
        "zfs allow -u pull send tank/staging",
    ]
    assert done.said[0] == "tank/prod: pull may nothing -> send"


def test_more_than_it_should_is_taken_away() -> None:
    more = frozenset({(BELOW_TOO, "send"), ("Local", "destroy")})
    done = apply(prod={"pull": more}, staging={"pull": SEND})
    assert done.lines == ["zfs unallow -u pull tank/prod", "zfs allow -u pull send tank/prod"]
    assert done.said == ["tank/prod: pull may destroy (Local), send -> send"]
