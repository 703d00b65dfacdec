"""The note itself."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from programs.handover import Settings
from programs.handover.asked import Alert, Ended, Unknown, ended, firing
from programs.handover.turns import on

NOBODY = "nobody"


def note(
    settings: Settings, change: int, looked: tuple[float, float], now: float
) -> tuple[str, str]:
    """The subject and the text.

    change: the moment of the hand-over
    looked: when the note before looked at what has ended, and when this one does
    """
    off, its = on(settings.turns, change - 1), on(settings.turns, change)
    subject = f"Hand-over: {_teams(off)} -> {_teams(its)}"
    return subject, "\n".join([*_who(settings, change), "", *_what(settings, looked, now)])


def _who(settings: Settings, change: int) -> Iterator[str]:
    yield f"Since {clocks(settings.zones, change)}:"
    teams = on(settings.turns, change)
    for team, until in teams.items():
        people = ", ".join(settings.people[team])
        yield f"  {team} ({people}), until {clocks(settings.zones, until)}"
    if not teams:
        yield "  no team is on call; the redundancy gets everything"


def _what(settings: Settings, looked: tuple[float, float], now: float) -> Iterator[str]:
    yield from _part("Goes on", lambda: _alerts(firing(settings.alertmanager)))
    yield from _part("Ended", lambda: _ended(ended(settings.prometheus, *looked)))
    works = [it for it in settings.maintenance if it[1] > now]
    if works:
        yield from _part(
            "Under maintenance, so nobody is told of its alerts", lambda: _works(works)
        )


def _part(title: str, lines: Callable[[], Sequence[str]]) -> Iterator[str]:
    """Who cannot be asked takes nothing from the rest."""
    try:
        found = lines()
    except Unknown as error:
        found = [f"could not be asked: {error}"]
    yield f"{title}:"
    yield from (f"  {it}" for it in found or ["nothing"])
    yield ""


def _alerts(alerts: Sequence[Alert]) -> list[str]:
    found = []
    for it in alerts:
        found.append(f"{it.severity.upper()} {it.name} {it.host}, since {_utc(it.since)}")
        found.append(f"  {it.summary}")
        found.append(f"  taken by {it.taken}" if it.taken else "  nobody has taken it")
    return found


def _ended(all_: Sequence[Ended]) -> list[str]:
    return [f"{it.name} {it.host}, {_utc(it.since)} until {_utc(it.until)}" for it in all_]


def _works(works: Sequence[tuple[str, int, str]]) -> list[str]:
    return [f"{host} until {_utc(until)}: {why}" for host, until, why in works]


def _teams(teams: dict[str, int]) -> str:
    return " and ".join(sorted(teams)) or NOBODY


def clocks(zones: Sequence[str], moment: float) -> str:
    """Such as Fri 27 Nov 2026 16:00 in Berlin = Fri 27 Nov 2026 10:00 in Toronto."""
    return " = ".join(
        f"{datetime.fromtimestamp(moment, ZoneInfo(it)):%a %d %b %Y %H:%M} in {_place(it)}"
        for it in zones
    )


def _place(zone: str) -> str:
    return zone.rpartition("/")[2].replace("_", " ")


def _utc(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, timezone.utc):%a %d %b %H:%M} UTC"
