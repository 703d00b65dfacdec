"""Calendars of who is on call, for the calendar programs of teams and people: RFC 5545.

Each turn of a shift is an event of its own, in UTC and never cut. It keeps its UID, which says when
the shift begins and whose it is, however often the calendar is made, and whoever is put in that
team's place: a program that subscribes, or imports again, moves an event and doubles none. Of two
events with one UID programs keep that of the higher SEQUENCE (RFC 5546, 2.1.5), so it only grows.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby

from icalendar import Calendar, Event

from fleet.derived.oncall import DAY, YEAR, Span, Turn, shift_turns
from fleet.oncall import OnCall

PRODUCT = "-//coop-infra//on call//EN"


def calendars(oncall: OnCall, now: datetime) -> dict[str, bytes]:
    """By file name, a calendar for each team and for each person who is in a team.

    now: when this is made. They have the turns from a day before until a year after
    """
    turns = shift_turns(oncall, now - DAY, now + YEAR)
    found = {}
    for team in oncall.teams:
        own: dict[str, datetime | None] = {team: None}
        found[f"team-{team}.ics"] = _calendar(f"On call: {team}", turns, own, now)
    for name in dict.fromkeys(name for team in oncall.teams.values() for name in team.people):
        end = oncall.end_of_person(name)
        own = {team: end for team, its in oncall.teams.items() if name in its.people}
        found[f"person-{name}.ics"] = _calendar(f"On call: {name}", turns, own, now)
    return found


def _calendar(
    name: str, turns: Iterable[Turn], teams: Mapping[str, datetime | None], now: datetime
) -> bytes:
    """teams: whose turns belong here, each until that moment if there is one"""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for (since, team), its in groupby(turns, lambda it: (it.whole.since, it.whole.teams[0])):
        uid = f"{since:%Y%m%dT%H%MZ}-{team}"
        for number, event in enumerate(_events([*its], teams), start=1):
            # What an override leaves of a turn may be several events.
            event.add("uid", f"{uid}{f'-{number}' if number > 1 else ''}@coop-infra")
            event.add("dtstamp", now)
            event.add("sequence", int(now.timestamp()) // 60)
            calendar.add_component(event)
    return bytes(calendar.to_ical())


def _events(turns: list[Turn], teams: Mapping[str, datetime | None]) -> Iterator[Event]:
    """What is left for these teams of turns that begin at once; that it is off, if nothing is."""
    whole = turns[0].whole
    (team,) = whole.teams
    mine = [
        part
        for turn in turns
        for its in turn.parts
        if its.teams[0] in teams
        for part in [_until(its, teams[its.teams[0]])]
        if part
    ]
    for part in sorted(mine):
        (by,) = part.teams
        instead = "" if by == team else f" in the place of {team}"
        yield _event(part, f"{by} is on call{instead}")
    if team in teams and not mine:
        # An event that is only left out would stay where the calendar was imported before.
        off = _event(whole, "not on call")
        off.add("status", "CANCELLED")
        off.add("transp", "TRANSPARENT")
        yield off


def _until(span: Span, end: datetime | None) -> Span | None:
    return span.within(span.since, end) if end else span


def _event(span: Span, summary: str) -> Event:
    event = Event()
    event.add("dtstart", span.since)
    event.add("dtend", span.until)
    event.add("summary", summary)
    return event
