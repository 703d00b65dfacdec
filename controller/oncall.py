"""Says who is on call: python -m controller.oncall INVENTORY [DIRECTORY]

DIRECTORY: where a calendar for each team and each person goes, to subscribe to or to import
Exits with 1 if nobody is on call at some time of the next year, or the data cannot be used.
"""

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.calendars import calendars
from fleet.derived.oncall import YEAR, Span, cover, moment, overlaps, place, said, zones
from fleet.load import load, load_oncall
from fleet.oncall import OnCall
from fleet.reading.problems import FleetError


def lines(oncall: OnCall, now: datetime) -> Iterator[str]:
    """What a person wants to know at this time."""
    here = ", ".join(f"{moment(now, it)} in {place(it)}" for it in zones(oncall))
    yield f"Now: {here}"
    current, *later = cover(oncall, now, now + YEAR)
    yield f"On call: {_who(oncall, current)}"
    yield f"  until {_when(oncall, current.until)}"
    for after in later[:1]:
        yield f"Then: {_who(oncall, after)}"
        yield f"  until {_when(oncall, after.until)}"
    yield f"Called for whatever is critical, at any hour: {', '.join(oncall.redundancy)}"
    for override in oncall.overrides:
        if override.until > now:
            span = said(Span(override.since, override.until), oncall)
            yield f"{override.team} in the place of {override.instead_of} ({override.why}): {span}"
    for gap in oncall.accepted_gaps:
        if gap.until > now:
            yield f"Nobody, as accepted ({gap.why}): {said(Span(gap.since, gap.until), oncall)}"
    yield from _overlapping(oncall, now)


def _overlapping(oncall: OnCall, now: datetime) -> Iterator[str]:
    both = overlaps(oncall, now, now + YEAR)
    is_whole = all(it.teams for it in cover(oncall, now, now + YEAR))
    somebody = f"there is always somebody{'' if is_whole else ' but in those hours'}"
    if not both:
        yield f"Within a year {somebody}, and no two teams at once."
        return
    hours = sum((it.until - it.since for it in both), timedelta()) / timedelta(hours=1)
    yield f"Within a year {somebody}, and {hours:g} h are covered twice:"
    for first, last, count in _runs(both):
        times = f"{count} times, until {moment(last.until, zones(oncall)[0])}" if count > 1 else ""
        yield f"  {said(first, oncall)}{'; ' if times else ''}{times}"


def _runs(spans: list[Span]) -> Iterator[tuple[Span, Span, int]]:
    """Spans that come each day, as one: the first, the last, how many."""
    run: list[Span] = []
    for span in spans:
        if run and span.since - run[-1].since > timedelta(days=4):
            yield run[0], run[-1], len(run)
            run = []
        run.append(span)
    yield run[0], run[-1], len(run)


def _who(oncall: OnCall, span: Span) -> str:
    able = {
        team: [name for name in oncall.teams[team].people if oncall.can_act(name, span.since)]
        for team in span.teams
    }
    named = (f"{team} ({', '.join(people)})" for team, people in able.items())
    return " and ".join(named) or "nobody"


def _when(oncall: OnCall, when: datetime) -> str:
    return " = ".join(f"{moment(when, it)} in {place(it)}" for it in zones(oncall))


def main(inventory: str, directory: str = "") -> int:
    try:
        oncall = load_oncall(load(Path(inventory)))
    except FleetError as error:
        print(error, file=sys.stderr)
        return 1
    now = datetime.now(UTC)
    print("\n".join(lines(oncall, now)))
    if directory:
        try:
            write(Path(directory), calendars(oncall, now))
        except OSError as error:
            print(f"{directory}: no calendars can be written: {error.strerror}", file=sys.stderr)
            return 1
    return 0


def write(directory: Path, calendars: Mapping[str, bytes]) -> None:
    """Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in calendars.items():
        (directory / name).write_bytes(text)
        print(directory / name)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
