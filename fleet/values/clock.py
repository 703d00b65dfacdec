"""Times as people say them: a time of day where they live, which their clocks decide."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator

from fleet.reading.problems import Invalid, shown

LAST_YEAR = 2100
_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9]) ([A-Za-z0-9_+/-]+)"
_TIME = "write a time and the zone whose clocks show it, such as 08:00 Europe/Berlin"
_MOMENT = "write date, time and zone, such as 2026-12-24 08:00 Europe/Berlin"


@dataclass(frozen=True)
class Clock:
    """A time of day, to the minute, by the clocks of a zone: each day has it once."""

    time: time
    zone: str

    def on(self, day: date) -> datetime:
        """The moment, in UTC, at which clocks there show this time on that day."""
        return datetime.combine(day, self.time, ZoneInfo(self.zone)).astimezone(UTC)

    def after(self, moment: datetime) -> datetime:
        """The first moment after this one at which clocks there show this time, in UTC."""
        day = moment.astimezone(ZoneInfo(self.zone)).date()
        today = self.on(day)
        return today if today > moment else self.on(day + timedelta(days=1))

    def odd_day(self, since: date, until: date) -> date | None:
        """The first of these days that does not have this time once; None if all have it."""
        day = since
        while day <= until:
            if not _is_once(datetime.combine(day, self.time, ZoneInfo(self.zone))):
                return day
            day += timedelta(days=1)
        return None

    def __str__(self) -> str:
        return f"{self.time:%H:%M} {self.zone}"


def _check_zone(name: str) -> None:
    """Raises Invalid for a name that is no place, whose clocks nobody changes."""
    is_place = "/" in name and not name.startswith("Etc/")
    if (name != "UTC" and not is_place) or name not in _names():
        remedy = "name a place of the tz database, such as Europe/Berlin, or UTC"
        raise Invalid(f"{shown(name)} is no zone whose people say this time", remedy)


def parse_clock(value: object) -> Clock:
    """The time of day in "08:00 Europe/Berlin". Raises Invalid."""
    found = re.fullmatch(_CLOCK, value) if isinstance(value, str) else None
    if not found:
        # YAML 1.1 reads 16:00 as a number, of base 60.
        text = shown(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1440:
            text = f"{value // 60:02}:{value % 60:02}"
        raise Invalid(f"{text} is no time of day with a zone", _TIME)
    _check_zone(found[3])
    return Clock(time(int(found[1]), int(found[2])), found[3])


def parse_moment(value: object) -> datetime:
    """The moment of "2026-12-24 08:00 Europe/Berlin", in UTC. Raises Invalid."""
    text = value if isinstance(value, str) else ""
    day, _, rest = text.partition(" ")
    try:
        clock, on = parse_clock(rest), date.fromisoformat(day)
    except ValueError as error:
        if isinstance(error, Invalid) and re.fullmatch(_CLOCK, rest):
            raise
        raise Invalid(f"{shown(value)} is no date and time with a zone", _MOMENT) from None
    if not 2000 <= on.year <= LAST_YEAR:
        raise Invalid(f"{shown(value)} is far from now", "correct the year")
    if clock.odd_day(on, on):
        message = f"clocks in {clock.zone} do not show {rest.split()[0]} once on {day}"
        raise Invalid(message, "write another time: they are put forward or back in that hour")
    return clock.on(on)


def _is_once(moment: datetime) -> bool:
    """Whether clocks show this local time exactly once: PEP 495."""
    other = moment.replace(fold=1)
    return moment.utcoffset() == other.utcoffset()


@lru_cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


ClockTime = Annotated[Clock, BeforeValidator(parse_clock)]
Moment = Annotated[datetime, BeforeValidator(parse_moment)]
"""In UTC once read."""
