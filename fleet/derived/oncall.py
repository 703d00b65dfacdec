"""Which team is on call at which moments, where nobody is, and where two are."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from fleet.derived.access import acts_until
from fleet.hosts import Host
from fleet.oncall import DAYS, OnCall, Override, Shift
from fleet.people import Person

Ends = dict[str, datetime]
DAY = timedelta(days=1)
YEAR = 366 * DAY
"""How far ahead gaps are looked for: each week of a year, with all its changes of clocks."""


@dataclass(frozen=True, order=True)
class Span:
    """From one moment until another, both in UTC; the end is no part of it.

    teams: those on call all the while; none in a gap
    """

    since: datetime
    until: datetime
    teams: tuple[str, ...] = ()

    def within(self, since: datetime, until: datetime) -> "Span | None":
        """The part of this between the two moments; None if there is none."""
        part = replace(self, since=max(self.since, since), until=min(self.until, until))
        return part if part.since < part.until else None


@dataclass(frozen=True)
class Turn:
    """One turn of a shift.

    whole: as the shift says it
    parts: what overrides, and the ends of people, leave of it; one team a span
    """

    whole: Span
    parts: tuple[Span, ...]


def shift_turns(oncall: OnCall, since: datetime, until: datetime) -> list[Turn]:
    """The turns of the shifts that lie between the two moments, or partly do; none is cut there."""
    wholes = sorted(
        span
        for shift in oncall.shifts
        for span in _each(shift, since, until)
        if span.within(since, until)
    )
    return [Turn(whole, tuple(_parts(oncall, whole))) for whole in wholes]


def turns(oncall: OnCall, since: datetime, until: datetime) -> list[Span]:
    """Each team's turns, one team a span, in their order.

    Overrides are followed. A turn ends where nobody of its team can act any more.
    """
    parts = (part for turn in shift_turns(oncall, since, until) for part in turn.parts)
    cut = (part.within(since, until) for part in parts)
    return sorted(span for span in cut if span)


def cover(oncall: OnCall, since: datetime, until: datetime) -> list[Span]:
    """The whole time in spans that follow each other: who is on call in each, perhaps nobody."""
    changes: defaultdict[datetime, Counter[str]] = defaultdict(Counter, {since: Counter()})
    for turn in turns(oncall, since, until):
        changes[turn.since][turn.teams[0]] += 1
        changes[turn.until][turn.teams[0]] -= 1
    on: Counter[str] = Counter()
    found: list[Span] = []
    for begin, end in pairwise(sorted({*changes, until})):
        on.update(changes[begin])
        span = Span(begin, end, tuple(sorted(team for team, count in on.items() if count)))
        if found and found[-1].teams == span.teams:
            span = replace(found.pop(), until=end)
        found.append(span)
    return found


def gaps(oncall: OnCall, since: datetime, until: datetime) -> list[Span]:
    """When nobody is on call, and nobody has accepted it."""
    left = [span for span in cover(oncall, since, until) if not span.teams]
    for accepted in oncall.accepted_gaps:
        left = [
            part
            for span in left
            for part in (
                span.within(span.since, accepted.since),
                span.within(accepted.until, span.until),
            )
            if part
        ]
    return left


def overlaps(oncall: OnCall, since: datetime, until: datetime) -> list[Span]:
    """When several teams are on call."""
    return [span for span in cover(oncall, since, until) if len(span.teams) > 1]


def ends(oncall: OnCall, people: Mapping[str, Person], hosts: Mapping[str, Host]) -> Ends:
    """Of everybody whom the data names, the moment from which they can act no more, if any."""
    known = (people[name] for name in oncall.everybody if name in people)
    found = {it.name: acts_until(it, hosts.values()) for it in known}
    return {name: end for name, end in found.items() if end}


def zones(oncall: OnCall) -> list[ZoneInfo]:
    """The zones whose clocks the shifts go by, in the order of the file."""
    named = (it.zone for shift in oncall.shifts for it in (shift.since, shift.until))
    return [ZoneInfo(name) for name in dict.fromkeys(named)]


def said(span: Span, oncall: OnCall) -> str:
    """From when until when, by the clocks of each zone of the shifts."""
    return " = ".join(
        f"{moment(span.since, it)} until {moment(span.until, it)} in {place(it)}"
        for it in zones(oncall)
    )


def moment(when: datetime, zone: ZoneInfo) -> str:
    """Such as Sat 27 Mar 2027 02:00."""
    return when.astimezone(zone).strftime("%a %d %b %Y %H:%M")


def place(zone: ZoneInfo) -> str:
    """The city that a zone is named after."""
    return zone.key.rpartition("/")[2].replace("_", " ")


def _each(shift: Shift, since: datetime, until: datetime) -> Iterator[Span]:
    """The turns of the shift that are not over at `since` and begin before `until`."""
    # A turn lasts a day at most, and a day has 25 hours at most.
    day = (since - 2 * DAY).date()
    while day <= (until + DAY).date():
        if DAYS[day.weekday()] in shift.days:
            begin = shift.since.on(day)
            yield Span(begin, shift.until.after(begin), (shift.team,))
        day += DAY


def _parts(oncall: OnCall, whole: Span) -> Iterator[Span]:
    """The turn in parts of one team each, each as long as that team has somebody who can act."""
    for part in _overridden(whole, oncall.overrides):
        end = oncall.end_of_team(part.teams[0])
        if left := part.within(part.since, end) if end else part:
            yield left


def _overridden(whole: Span, overrides: Iterable[Override]) -> list[Span]:
    """What one override has given to another team, no other override takes: order is nothing."""
    own, given = [whole], []
    for it in overrides:
        if (it.instead_of,) != whole.teams:
            continue
        if inner := whole.within(it.since, it.until):
            given.append(replace(inner, teams=(it.team,)))
        own = [
            part
            for span in own
            for part in (span.within(span.since, it.since), span.within(it.until, span.until))
            if part
        ]
    return sorted([*own, *given])
