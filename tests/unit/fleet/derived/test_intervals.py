"""What Alertmanager is told about turns, read as its documentation says that it reads it.

tests/lab/test_oncall.py lets Alertmanager's own code read it.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fleet.derived.intervals import Interval, horizon, intervals
from fleet.derived.oncall import cover
from fleet.oncall import OnCall
from tests.unit.fleet.derived.test_oncall import QUARTER, SHIFTS, quarters, utc
from tests.unit.fleet.oncall_samples import NOW, SWAP, read


def is_active(its: Iterable[Interval], now: datetime) -> bool:
    return any(_holds(it, now) for it in its)


def _holds(it: dict[str, Any], now: datetime) -> bool:
    assert it.keys() == {"years", "months", "days_of_month", "times", "location"}
    assert it["location"] == "UTC"
    days = (tuple(map(int, day.split(":"))) for day in it["days_of_month"])
    (times,) = it["times"]
    return (
        it["years"] == [str(now.year)]
        and it["months"] == [str(now.month)]
        and any(day[0] <= now.day <= day[-1] for day in days)
        and times["start_time"] <= f"{now:%H:%M}" < times["end_time"]
    )


def told(
    oncall: OnCall, now: datetime, since: datetime, until: datetime
) -> Iterator[tuple[str, ...]]:
    """By quarter of an hour, the teams that Alertmanager calls."""
    found = intervals(oncall, now)
    while since < until:
        yield tuple(sorted(team for team, its in found.items() if is_active(its, since)))
        since += QUARTER


def test_each_quarter_of_two_years_somebody_is_called(tmp_path: Path) -> None:
    oncall = read(tmp_path)
    since, until = horizon(NOW)
    assert (since, until) == (utc(2026, 11, 1), utc(2028, 11, 1))
    called = list(told(oncall, NOW, since, until))
    assert called == list(quarters(cover(oncall, since, until)))
    assert () not in called


def test_what_is_told_stays_the_same_for_a_month(tmp_path: Path) -> None:
    """A second run changes nothing, at midnight either."""
    oncall = read(tmp_path)
    first, last = utc(2026, 11, 1), utc(2026, 12, 1) - timedelta(seconds=1)
    assert (
        intervals(oncall, first) == intervals(oncall, last) != intervals(oncall, utc(2026, 12, 1))
    )
    assert horizon(utc(2028, 2, 29))[1] == utc(2030, 2, 1)


def test_it_is_few_lines(tmp_path: Path) -> None:
    """A person has to read them in a diff."""
    found = intervals(read(tmp_path), NOW)
    assert {team: len(its) for team, its in found.items()} == {"collocall": 28, "hypha": 55}
    assert found["collocall"][0] == {
        "years": ["2026"],
        "months": ["11"],
        "days_of_month": ["1:30"],
        "times": [{"start_time": "07:00", "end_time": "15:00"}],
        "location": "UTC",
    }


def test_a_swap_is_followed(tmp_path: Path) -> None:
    oncall = read(tmp_path, lambda data: data.update(overrides=[SWAP]))
    found = intervals(oncall, NOW)
    at = datetime(2026, 12, 24, 10, tzinfo=UTC)
    assert [team for team, its in found.items() if is_active(its, at)] == ["hypha"]
    at += timedelta(days=1)
    assert [team for team, its in found.items() if is_active(its, at)] == ["collocall"]


def test_a_team_without_a_turn_is_never_called(tmp_path: Path) -> None:
    oncall = read(tmp_path)
    alone = oncall.model_copy(update={"shifts": oncall.shifts[:1]})
    assert intervals(alone, NOW)["hypha"] == []


@given(
    st.lists(SHIFTS, min_size=1, max_size=4),
    st.sampled_from([utc(2027, 3, 10), utc(2027, 10, 29), utc(2028, 2, 27), utc(2026, 12, 30)]),
)
def test_any_shifts(shifts: list[dict[str, Any]], since: datetime) -> None:
    oncall = OnCall.model_validate(
        {
            "teams": {"a": {"people": ["x"]}, "b": {"people": ["y"]}},
            "shifts": [{"team": "ab"[i % 2], **it} for i, it in enumerate(shifts)],
            "redundancy": ["x", "y"],
            "escalate_minutes": 15,
        }
    )
    until = since + timedelta(days=5)
    assert list(told(oncall, since, since, until)) == list(quarters(cover(oncall, since, until)))
