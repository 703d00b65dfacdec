from typing import Any

import pytest

from tests.scale.bounds import broken
from tests.scale.process import Used
from tests.scale.runs import Measured


def measured(what: str, wall: float, round_trip: int = 20, **other: Any) -> Measured:
    values = {"hosts": 203, "people": 5, "operations": 9, "most": 3, "commands": 9, "received": 9}
    values |= {"changed": 0 if what in {"no change", "one host"} else 5}
    return Measured(
        what=what,
        round_trip=round_trip,
        used=Used(wall, wall / 2, 10**8),
        simulation=1.0,
        **{**values, **other},
    )


ONE = [measured("one host", 1.0), measured("one host", 2.0, 100)]


def test_a_fleet_within_all_bounds() -> None:
    runs = [
        measured("first", 50.0),
        measured("no change", 7.0),
        measured("no change", 10.0, 100),
        *ONE,
        measured("a VM added", 20.0),
    ]
    assert list(broken(runs, {5: 0.5, 200: 1.2}, 200)) == []


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (measured("first", 50.1), "first, 203 hosts, 20 ms: 50.1 s, and not 50 s at most"),
        (measured("a VM added", 21), "21.0 s, and not 20 s at most"),
        (measured("no change", 7.2), "7.2 times one host, and not 7 at most"),
        (measured("no change", 10.4, 100), "5.2 times one host, and not 5 at most"),
        (measured("no change", 1, most=4), "4 commands on one host, and not 3 at most"),
        (measured("no change", 1, changed=1), "1 operations changed something"),
        (measured("first", 1, changed=0), "nothing was changed"),
    ],
)
def test_each_bound_that_is_broken_is_told(run: Measured, says: str) -> None:
    (told,) = broken([run, *ONE], {}, 200)
    assert says in told


def test_seconds_are_of_a_fleet_as_large_as_they_are_meant_for() -> None:
    runs = [measured("first", 99), measured("no change", 99), *ONE]
    assert list(broken(runs, {200: 9.0}, 199)) == []
    assert len(list(broken(runs, {200: 9.0}, 200))) == 3
