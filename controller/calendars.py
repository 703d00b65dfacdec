"""Calendars of who is on call, for the calendar programs of teams and people: RFC 5545.

Each turn is an event of its own, in UTC. A turn keeps its UID however often the calendar is made: a
program that subscribes, or imports again, moves an event and doubles none.
"""

from collections.abc import Iterable
from datetime import datetime

from icalendar import Calendar, Event

from fleet.derived.oncall import Span
from fleet.oncall import OnCall

PRODUCT = "-//coop-infra//on call//EN"


def calendars(oncall: OnCall, turns: Iterable[Span], now: datetime) -> dict[str, bytes]:
    """By file name, a calendar for each team and for each person who is in a team.

    turns: one team a span; now: when this is made
    """
    every = list(turns)
    found = {
        f"team-{team}.ics": _calendar(
            f"On call: {team}", [it for it in every if team in it.teams], now
        )
        for team in oncall.teams
    }
    people = dict.fromkeys(name for team in oncall.teams.values() for name in team.people)
    for name in people:
        own = [it for it in every if any(name in oncall.teams[team].people for team in it.teams)]
        found[f"person-{name}.ics"] = _calendar(f"On call: {name}", own, now)
    return found


def _calendar(name: str, turns: Iterable[Span], now: datetime) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for turn in turns:
        (team,) = turn.teams
        event = Event()
        # The moment at which a turn begins is the turn's own; its end may move.
        event.add("uid", f"{turn.since:%Y%m%dT%H%MZ}-{team}@coop-infra")
        event.add("dtstamp", now)
        event.add("dtstart", turn.since)
        event.add("dtend", turn.until)
        event.add("summary", f"{team} is on call")
        calendar.add_component(event)
    return bytes(calendar.to_ical())
