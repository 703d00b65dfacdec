"""Times of day where people live, and moments written by their clocks."""

from datetime import UTC, date, datetime

import pytest

from fleet.reading.problems import Invalid
from fleet.values.clock import parse_clock, parse_moment


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def test_a_time_of_day_follows_the_clocks_there() -> None:
    eight = parse_clock("08:00 Europe/Berlin")
    assert str(eight) == "08:00 Europe/Berlin"
    assert eight.on(date(2027, 3, 27)) == utc(2027, 3, 27, 7)
    assert eight.on(date(2027, 3, 28)) == utc(2027, 3, 28, 6)


def test_the_next_time_is_after_the_moment_and_by_the_clocks_of_its_own_zone() -> None:
    eight = parse_clock("08:00 Europe/Berlin")
    assert eight.after(utc(2026, 11, 27, 7)) == utc(2026, 11, 28, 7)
    assert eight.after(utc(2026, 11, 27, 6, 59)) == utc(2026, 11, 27, 7)
    # Where the moment is, the day is another one.
    ten = parse_clock("10:00 Pacific/Auckland")
    assert ten.after(utc(2026, 11, 27, 20)) == utc(2026, 11, 27, 21)


def test_a_time_that_a_day_lacks_or_has_twice_is_known() -> None:
    half_past_two = parse_clock("02:30 Europe/Berlin")
    spring, autumn = date(2027, 3, 28), date(2027, 10, 31)
    assert half_past_two.odd_day(date(2027, 1, 1), date(2027, 12, 31)) == spring
    assert half_past_two.odd_day(date(2027, 4, 1), date(2027, 12, 31)) == autumn
    assert parse_clock("04:00 Europe/Berlin").odd_day(date(2027, 1, 1), date(2028, 12, 31)) is None
    assert parse_clock("02:30 UTC").odd_day(date(2027, 1, 1), date(2027, 12, 31)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8:00 Europe/Berlin", "no time of day with a zone"),
        ("24:00 Europe/Berlin", "no time of day with a zone"),
        ("08:00", "no time of day with a zone"),
        (480, "08:00 is no time of day with a zone"),
        (True, "True is no time of day with a zone"),
        ("8h", "no time of day with a zone"),
        ("08:00 EST", "no zone whose people say this time"),
        ("08:00 Local", "no zone whose people say this time"),
        ("08:00 Etc/GMT-1", "no zone whose people say this time"),
        ("08:00 Europe/Bonn", "no zone whose people say this time"),
        ("08:00 ../../etc/passwd", "no time of day with a zone"),
        ("08:00 Europe/../Berlin", "no time of day with a zone"),
    ],
)
def test_what_is_no_time_of_day_is_told(text: object, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        parse_clock(text)


def test_a_moment_is_by_the_clocks_of_its_place() -> None:
    assert parse_moment("2026-12-24 08:00 Europe/Berlin") == utc(2026, 12, 24, 7)
    assert parse_moment("2026-12-24 08:00 America/Toronto") == utc(2026, 12, 24, 13)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-12-24", "no date and time with a zone"),
        ("2026-02-30 08:00 Europe/Berlin", "no date and time with a zone"),
        ("24.12.2026 08:00 Europe/Berlin", "no date and time with a zone"),
        (date(2026, 12, 24), "no date and time with a zone"),
        ("2026-12-24 08:00 CET", "no zone whose people say this time"),
        ("2026-12-24 8:00 Europe/Berlin", "no date and time with a zone"),
        ("2027-03-28 02:30 Europe/Berlin", "do not show 02:30 once on 2027-03-28"),
        ("9999-12-24 08:00 Europe/Berlin", "far from now"),
    ],
)
def test_what_is_no_moment_is_told(text: object, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        parse_moment(text)
