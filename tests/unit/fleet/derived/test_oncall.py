"""Who is on call at each quarter of an hour, judged by another way to count."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.derived.oncall import Span, cover, gaps, overlaps, turns
from fleet.oncall import DAYS, OnCall
from fleet.values.clock import Clock
from tests.unit.fleet.oncall_samples import NOW, SWAP, read, sample

QUARTER = timedelta(minutes=15)


def utc(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def by_the_clocks(oncall: OnCall, since: datetime, until: datetime) -> Iterator[tuple[str, ...]]:
    """The teams on call at each quarter, by somebody who looks at all clocks and notes who comes.

    Knows nothing of days, offsets, and times that are there twice or not at all.
    """
    on: set[int] = set()
    now = since - timedelta(days=3)
    while now < until:
        for index, shift in enumerate(oncall.shifts):
            if shows(shift.until, now):
                on.discard(index)
            if shows(shift.since, now):
                day = now.astimezone(ZoneInfo(shift.since.zone)).weekday()
                if DAYS[day] in shift.days:
                    on.add(index)
        if now >= since:
            yield tuple(sorted({oncall.shifts[index].team for index in on}))
        now += QUARTER


def shows(clock: Clock, now: datetime) -> bool:
    return now.astimezone(ZoneInfo(clock.zone)).time() == clock.time


def quarters(spans: list[Span]) -> Iterator[tuple[str, ...]]:
    for span in spans:
        yield from [span.teams] * ((span.until - span.since) // QUARTER)


def test_each_quarter_of_leap_and_ordinary_years_is_as_all_clocks_say(tmp_path: Path) -> None:
    oncall = read(tmp_path)
    since, until = utc(2026, 1, 1), utc(2029, 1, 1)
    expected = list(by_the_clocks(oncall, since, until))
    assert list(quarters(cover(oncall, since, until))) == expected
    assert len(expected) == 3 * 365 * 96 + 96 and () not in expected


def test_each_hand_over_has_an_overlap_in_some_weeks_and_never_a_gap(tmp_path: Path) -> None:
    both = overlaps(read(tmp_path), utc(2027, 1, 1), utc(2028, 1, 1))
    assert {it.until - it.since for it in both} == {timedelta(hours=1)}
    # Toronto changes its clocks two weeks before Berlin in spring, and one week after it in autumn.
    assert len(both) == 14 + 7


TIMES = st.sampled_from(["00:00", "06:00", "08:15", "16:00", "23:45"])
ZONES = st.sampled_from(["Europe/Berlin", "America/Toronto", "Pacific/Auckland", "UTC"])
ENDS = st.builds("{} {}".format, TIMES, ZONES)
SHIFTS = st.fixed_dictionaries(
    {"from": ENDS, "until": ENDS, "days": st.sets(st.sampled_from(DAYS), min_size=1).map(list)}
)


@given(
    st.lists(SHIFTS, min_size=1, max_size=4),
    st.sampled_from([utc(2027, 3, 10), utc(2027, 3, 25), utc(2027, 10, 29), utc(2028, 2, 27)]),
)
def test_any_shifts_are_as_all_clocks_say_in_the_weeks_that_change_them(
    shifts: list[dict[str, Any]], since: datetime
) -> None:
    data = sample()
    data["shifts"] = [{**it, "team": f"t{index}"} for index, it in enumerate(shifts)]
    data["teams"] = {it["team"]: {"people": ["ops-meet-1"]} for it in data["shifts"]}
    oncall = OnCall.model_validate(data)
    until = since + timedelta(days=10)
    # An end at the very minute of its own beginning comes a day later: the clocks of before count.
    expected = list(by_the_clocks(oncall, since, until))
    assert list(quarters(cover(oncall, since, until))) == expected


def test_an_override_is_followed_for_its_hours_alone(tmp_path: Path) -> None:
    oncall = read(tmp_path, lambda it: it.update(overrides=[SWAP]))
    day = cover(oncall, utc(2026, 12, 23, 7), utc(2026, 12, 25, 7))
    assert [(it.since, it.teams) for it in day] == [
        (utc(2026, 12, 23, 7), ("collocall",)),
        (utc(2026, 12, 23, 15), ("hypha",)),
    ]


def test_an_override_may_take_a_part_of_a_turn(tmp_path: Path) -> None:
    half = {
        **SWAP,
        "from": "2026-12-24 10:00 Europe/Berlin",
        "until": "2026-12-24 12:00 Europe/Berlin",
    }
    oncall = read(tmp_path, lambda it: it.update(overrides=[half]))
    day = turns(oncall, utc(2026, 12, 24, 7), utc(2026, 12, 24, 15))
    assert [(it.since.hour, it.until.hour, it.teams) for it in day] == [
        (7, 9, ("collocall",)),
        (9, 11, ("hypha",)),
        (11, 15, ("collocall",)),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_what_an_override_has_given_no_other_one_takes(order: int) -> None:
    """Whatever their order: in the hour that two teams cover, each stands in for another one."""
    ends = {"from": "2027-03-16 15:00 Europe/Berlin", "until": "2027-03-16 16:00 Europe/Berlin"}
    data = sample()
    data["teams"]["third"] = {"people": ["ops-meet-1"]}
    data["overrides"] = [
        {"team": "hypha", "instead_of": "collocall", "why": "a swap", **ends},
        {"team": "third", "instead_of": "hypha", "why": "another", **ends},
    ][::order]
    hour = cover(OnCall.model_validate(data), utc(2027, 3, 16, 14), utc(2027, 3, 16, 15))
    assert [it.teams for it in hour] == [("hypha", "third")]


def test_a_turn_ends_where_nobody_of_its_team_can_act_any_more(tmp_path: Path) -> None:
    """Whoever is put in the team's place then is on call."""
    end = utc(2026, 12, 24, 9)
    oncall = read(tmp_path).with_ends({"ops-meet-1": end})
    day = turns(oncall, utc(2026, 12, 24, 7), utc(2026, 12, 26))
    assert [(it.since, it.until, it.teams) for it in day] == [
        (utc(2026, 12, 24, 7), end, ("collocall",)),
        (utc(2026, 12, 24, 15), utc(2026, 12, 25, 7), ("hypha",)),
        (utc(2026, 12, 25, 15), utc(2026, 12, 26), ("hypha",)),
    ]
    swapped = read(tmp_path, lambda it: it.update(overrides=[SWAP])).with_ends({"ops-meet-1": end})
    day = turns(swapped, utc(2026, 12, 24, 7), utc(2026, 12, 24, 16))
    assert [it.teams for it in day] == [("hypha",), ("hypha",)]


@pytest.mark.parametrize(
    ("since", "until", "left"),
    [
        ("2026-12-25 00:00 UTC", "2026-12-26 00:00 UTC", []),
        ("2026-12-25 09:00 UTC", "2026-12-25 10:00 UTC", [(7, 9), (10, 15)]),
        ("2026-12-24 00:00 UTC", "2026-12-25 08:00 UTC", [(8, 15)]),
    ],
)
def test_of_a_gap_only_what_is_accepted_is_taken(
    since: str, until: str, left: list[tuple[int, int]]
) -> None:
    data = sample()
    data["shifts"][0]["days"] = [it for it in DAYS if it != "fri"]
    data["accepted_gaps"] = [{"from": since, "until": until, "why": "Christmas"}]
    found = gaps(OnCall.model_validate(data), utc(2026, 12, 25), utc(2026, 12, 26))
    assert [(it.since.hour, it.until.hour) for it in found] == left


def test_a_year_takes_no_second(tmp_path: Path) -> None:
    """Each load of the data looks for gaps in it."""
    change: Callable[[dict[str, Any]], object] = lambda it: it.update(  # noqa: E731
        shifts=[{**shift, "team": shift["team"]} for _ in range(10) for shift in it["shifts"]]
    )
    oncall = read(tmp_path, change)
    assert len(turns(oncall, NOW, NOW + timedelta(days=366))) == 20 * 366 + 10
