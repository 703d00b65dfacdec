"""Problems of who is on call: people who cannot be called, hours that nobody covers."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from fleet.derived.oncall import YEAR, Span, cover, gaps, said
from fleet.oncall import OnCall, Override
from fleet.people import Person, is_over
from fleet.reading.problems import Problem


def check_oncall(
    file: str, oncall: OnCall, people: Mapping[str, Person], now: datetime
) -> Iterator[Problem]:
    """Every problem within the data, and with the people. Looks a year ahead for gaps.

    people: by name
    """
    found = [*_teams(file, oncall), *_clocks(file, oncall, now)]
    named = {f"teams: {name}": team.people for name, team in oncall.teams.items()}
    for record, names in {**named, "redundancy": oncall.redundancy}.items():
        found += _people(file, record, names, people, now)
    yield from found
    # Without these, nobody knows who is on call when.
    if not found:
        yield from _overrides(file, oncall, now)
        yield from _gaps(file, oncall, now)


def _teams(file: str, oncall: OnCall) -> Iterator[Problem]:
    known = ", ".join(oncall.teams)
    named = {f"shifts.{index}": [it.team] for index, it in enumerate(oncall.shifts)}
    for index, it in enumerate(oncall.overrides):
        named[f"overrides.{index}"] = [it.team, it.instead_of]
    for record, teams in named.items():
        for team in teams:
            if team not in oncall.teams:
                yield Problem(file, record, "", f"there is no team {team}", f"write one of {known}")
    called = {team for teams in named.values() for team in teams}
    for team in oncall.teams.keys() - called:
        message = "is never on call"
        yield Problem(file, f"teams: {team}", "", message, "give the team a shift, or take it out")


def _people(
    file: str, record: str, names: Iterable[str], people: Mapping[str, Person], now: datetime
) -> Iterator[Problem]:
    for name in names:
        person = people.get(name)
        if person is None:
            remedy = f"write one of {', '.join(people)}, or add them to people.yml first"
            yield Problem(file, record, "people", f"there is no person {name}", remedy)
        elif is_over(person.expires, now):
            message = f"{name}'s access ended on {person.expires}"
            yield Problem(file, record, "people", message, "name somebody who can still log in")


def _clocks(file: str, oncall: OnCall, now: datetime) -> Iterator[Problem]:
    """A problem for each end of a shift that some day of the next year does not have, or has twice.

    Whoever takes over then would be an hour early or late, by whichever rule.
    """
    for index, shift in enumerate(oncall.shifts):
        for field, clock in (("from", shift.since), ("until", shift.until)):
            if day := clock.odd_day(now.date(), (now + YEAR).date()):
                message = f"on {day} clocks there do not show {clock.time:%H:%M} exactly once"
                remedy = "choose an hour in which no clocks are put forward or back"
                yield Problem(file, f"shifts.{index}", field, message, remedy)


def _overrides(file: str, oncall: OnCall, now: datetime) -> Iterator[Problem]:
    """What is over is left as it is: shifts may have changed since."""
    plain = oncall.model_copy(update={"overrides": ()})
    for index, it in enumerate(oncall.overrides):
        record = f"overrides.{index}"
        if it.until <= now:
            continue
        if it.team == it.instead_of:
            message = f"puts {it.team} in the place of {it.team}"
            yield Problem(file, record, "team", message, "name two teams")
        elif without := _without(plain, it):
            message = f"{it.instead_of} has no turn from {said(without, plain)}"
            remedy = f"let it hold for turns of {it.instead_of} alone, one override for each"
            yield Problem(file, record, "instead_of", message, remedy)


def _without(oncall: OnCall, it: Override) -> Span | None:
    """The first part of the override in which the team has no turn."""
    spans = cover(oncall, it.since, it.until)
    return next((span for span in spans if it.instead_of not in span.teams), None)


def _gaps(file: str, oncall: OnCall, now: datetime) -> Iterator[Problem]:
    found = gaps(oncall, now, now + YEAR)
    if not found:
        return
    more = f", and {len(found) - 1} times more within a year" if found[1:] else ""
    message = f"nobody is on call from {said(found[0], oncall)}{more}"
    remedy = (
        "let a shift end by the same time and zone by which the next one begins, or accept the gap "
        "in accepted_gaps, with a reason"
    )
    yield Problem(file, "shifts", "", message, remedy)
