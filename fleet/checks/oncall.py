"""Problems of who is on call: people who cannot be called, hours that nobody covers."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import combinations

from fleet.derived.access import can_act
from fleet.derived.oncall import YEAR, Span, cover, gaps, said
from fleet.hosts import Host
from fleet.oncall import OnCall, Override
from fleet.people import Person, is_over
from fleet.reading.problems import Problem

LONGEST_GAP = timedelta(days=92)
"""Hours that recur are so accepted anew each season, and a mistake in the year is none for ever."""
REDUNDANT = 2
"""So many at least are called for what is critical: one may be asleep."""


def check_oncall(
    file: str,
    oncall: OnCall,
    people: Mapping[str, Person],
    hosts: Mapping[str, Host],
    now: datetime,
) -> Iterator[Problem]:
    """Every problem within the data, and with the people. Looks a year ahead for gaps.

    people, hosts: by name
    """
    found = [*_teams(file, oncall), *_clocks(file, oncall, now), *_accepted(file, oncall, now)]
    named = {f"teams: {name}": team.people for name, team in oncall.teams.items()}
    unable = {it.name: why for it in people.values() if (why := _unable(it, hosts.values(), now))}
    for record, names in {**named, "redundancy": oncall.redundancy}.items():
        found += _people(file, record, names, people, unable)
    yield from found
    # Without these, nobody knows who is on call when.
    if not found:
        yield from _redundancy(file, oncall, now)
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
    file: str,
    record: str,
    names: Iterable[str],
    people: Mapping[str, Person],
    unable: Mapping[str, tuple[str, str]],
) -> Iterator[Problem]:
    """unable: by name, why somebody could do nothing about what they are called for; the remedy"""
    for name in names:
        if name not in people:
            remedy = f"write one of {', '.join(people)}, or add them to people.yml first"
            yield Problem(file, record, "people", f"there is no person {name}", remedy)
        elif name in unable:
            yield Problem(file, record, "people", *unable[name])


def _unable(person: Person, hosts: Iterable[Host], now: datetime) -> tuple[str, str] | None:
    name = person.name
    if is_over(person.expires, now):
        return f"{name}'s access ended on {person.expires}", "name somebody who can still log in"
    if person.vpn is None:
        message = f"{name} is not in the VPN, and reaches no host that is closed to the network"
        return message, "give them vpn: key and addresses in people.yml, or name somebody else"
    if not can_act(person, hosts, now):
        remedy = (
            "give them access to one, and an SSH key that is valid today, in people.yml, or name "
            "somebody else"
        )
        return f"{name} can log in to no host", remedy
    return None


def _redundancy(file: str, oncall: OnCall, now: datetime) -> Iterator[Problem]:
    """A problem if within a year too few of the redundancy can act."""
    found = (oncall.end_of_person(name) for name in oncall.redundancy)
    ends = sorted(it for it in found if it)
    # The end by which one more of them than may be is gone.
    too_few = ends[len(oncall.redundancy) - REDUNDANT :][:1]
    for end in too_few:
        if end < now + YEAR:
            left = sum(oncall.can_act(it, end) for it in oncall.redundancy)
            message = f"from {end:%Y-%m-%d} on only {left} of them can log in"
            remedy = "name somebody who can log in for longer, or write a later end in people.yml"
            yield Problem(file, "redundancy", "", message, remedy)


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


def _accepted(file: str, oncall: OnCall, now: datetime) -> Iterator[Problem]:
    for index, it in enumerate(oncall.accepted_gaps):
        if it.until > now and it.until - it.since > LONGEST_GAP:
            message = f"ends more than {LONGEST_GAP.days} days after it begins"
            remedy = "write an earlier moment, and accept the rest when it comes near"
            yield Problem(file, f"accepted_gaps.{index}", "until", message, remedy)


def _overrides(file: str, oncall: OnCall, now: datetime) -> Iterator[Problem]:
    """What is over is left as it is: shifts may have changed since."""
    # Somebody may stand in for a team just because its people can act no more.
    plain = oncall.model_copy(update={"overrides": ()}).with_ends({})
    current = {f"overrides.{i}": it for i, it in enumerate(oncall.overrides) if it.until > now}
    for record, it in current.items():
        if it.team == it.instead_of:
            message = f"puts {it.team} in the place of {it.team}"
            yield Problem(file, record, "team", message, "name two teams")
        elif without := _without(plain, it):
            message = f"{it.instead_of} has no turn from {said(without, plain)}"
            remedy = f"let it hold for turns of {it.instead_of} alone, one override for each"
            yield Problem(file, record, "instead_of", message, remedy)
    for (first, one), (second, two) in combinations(current.items(), 2):
        both = Span(one.since, one.until).within(two.since, two.until)
        if one.instead_of == two.instead_of and both:
            message = (
                f"{two.team} ({two.why}) takes the place of {two.instead_of} while {first} gives "
                f"the same to {one.team} ({one.why}): {said(both, oncall)}"
            )
            yield Problem(file, second, "instead_of", message, "let one of the two end earlier")


def _without(oncall: OnCall, it: Override) -> Span | None:
    """The first part of the override in which the team has no turn."""
    spans = cover(oncall, it.since, it.until)
    return next((span for span in spans if it.instead_of not in span.teams), None)


def _gaps(file: str, oncall: OnCall, now: datetime) -> Iterator[Problem]:
    found = gaps(oncall, now, now + YEAR)
    if not found:
        return
    first = found[0]
    more = f", and {len(found) - 1} times more within a year" if found[1:] else ""
    message = f"nobody is on call from {said(first, oncall)}{more}"
    remedy = (
        "let a shift end by the same time and zone by which the next one begins, or accept the gap "
        "in accepted_gaps, with a reason"
    )
    if gone := _gone(oncall, first):
        message += f": nobody of {' or '.join(gone)} can log in then"
        remedy = "name somebody who can log in for longer, or write a later end in people.yml"
    yield Problem(file, "shifts", "", message, remedy)


def _gone(oncall: OnCall, gap: Span) -> list[str]:
    """The teams whose turn it is as the gap begins, and whose people can act no more."""
    whole = cover(oncall.with_ends({}), gap.since, gap.until)
    return [*whole[0].teams]
