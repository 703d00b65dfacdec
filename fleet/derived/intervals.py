"""The teams' turns as Alertmanager's time intervals.

https://prometheus.io/docs/alerting/latest/configuration/#time_interval-0: the fields of an interval
all have to hold, of several intervals one; an end is no part of its interval; 24:00 is midnight.

Alertmanager knows times of day by one clock each, and no turn that begins by the clocks of one
continent and ends by those of another. So each turn is written out, by dates in UTC: no clock of a
host and no rule of a zone has a say any more.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from fleet.derived.oncall import DAY, Span, cover, turns
from fleet.oncall import OnCall
from fleet.values.clock import LAST_YEAR

YEARS = 2
"""For how long turns are written out. `horizon` says until when; each run moves it on."""

Interval = dict[str, object]
"""As Alertmanager's configuration has it."""


def horizon(now: datetime) -> tuple[datetime, datetime]:
    """From when until when turns are written out: the same throughout a month."""
    first = datetime(now.year, now.month, 1, tzinfo=UTC)
    return first, first.replace(year=first.year + YEARS)


def intervals(oncall: OnCall, now: datetime) -> dict[str, list[Interval]]:
    """By team, when the team is on call within the horizon; overrides are followed."""
    since, until = horizon(now)
    spans: defaultdict[str, list[Span]] = defaultdict(list, {name: [] for name in oncall.teams})
    for turn in turns(oncall, since, until):
        spans[turn.teams[0]].append(turn)
    return {team: [*_intervals(its)] for team, its in spans.items()}


def uncovered(oncall: OnCall, now: datetime) -> list[Interval]:
    """When no team is on call, and all the time after the horizon."""
    since, until = horizon(now)
    return [
        *_intervals(span for span in cover(oncall, since, until) if not span.teams),
        {"years": [str(until.year)], "months": [f"{until.month}:12"], "location": "UTC"},
        {"years": [f"{until.year + 1}:{LAST_YEAR}"], "location": "UTC"},
    ]


def shortest_time_off(oncall: OnCall, now: datetime) -> tuple[timedelta, str]:
    """The shortest time between two turns of a team within the horizon, and the team's name."""
    since, until = horizon(now)
    ends: dict[str, datetime] = {}
    found = [(until - since, next(iter(oncall.teams)))]
    for turn in turns(oncall, since, until):
        (team,) = turn.teams
        # Turns of a team that meet are one.
        if team in ends and turn.since > ends[team]:
            found.append((turn.since - ends[team], team))
        ends[team] = max(turn.until, ends.get(team, turn.until))
    return min(found)


def _intervals(spans: Iterable[Span]) -> Iterator[Interval]:
    """One interval for all days of a month that have the same times."""
    days: defaultdict[tuple[int, int, str, str], set[int]] = defaultdict(set)
    for span in spans:
        for day, begin, end in _by_day(span):
            days[day.year, day.month, begin, end].add(day.day)
    for (year, month, begin, end), its in sorted(days.items()):
        yield {
            "years": [str(year)],
            "months": [str(month)],
            "days_of_month": [*_ranges(sorted(its))],
            "times": [{"start_time": begin, "end_time": end}],
            "location": "UTC",
        }


def _by_day(span: Span) -> Iterator[tuple[date, str, str]]:
    """The parts of a span that lie within a day."""
    begin = span.since
    while begin < span.until:
        midnight = datetime(begin.year, begin.month, begin.day, tzinfo=UTC) + DAY
        end = f"{span.until:%H:%M}" if span.until < midnight else "24:00"
        yield begin.date(), f"{begin:%H:%M}", end
        begin = midnight


def _ranges(days: Iterable[int]) -> Iterator[str]:
    """Days of a month: 1:13 for those from 1 to 13."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    yield from (f"{run[0]}:{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
