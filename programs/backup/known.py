"""Keeps what is known of the sets, for times when nobody can read them."""

import json
from datetime import datetime, timezone
from pathlib import Path

from programs.backup import Settings
from programs.backup.sets import SET, TIME, Sets
from programs.shared.whole import replace


def note(settings: Settings, sets: Sets) -> list[str]:
    """The names of the sets. Writes down their number, and when the newest was taken.

    Writes down the names of others too: somebody has made those by hand, and they are no sets.
    """
    when = {name: taken(name) for name in sets.names()}
    times = [it for it in when.values() if it is not None]
    others = [name for name, it in when.items() if it is None]
    known = {"sets": len(times), "newest": max(times, default=0), "others": others}
    replace(last(settings), json.dumps(known))
    return [name for name, it in when.items() if it is not None]


def last(settings: Settings) -> Path:
    """The file of what `note` wrote down."""
    return Path(settings["state"], "last.json")


def damage(settings: Settings) -> Path:
    """The file that says what a night found damaged. A person removes it after the repair."""
    return Path(settings["state"], "damage")


def taken(name: str) -> int | None:
    """When a set was begun, in seconds since 1970, by the set's name; None if no night gives it."""
    try:
        when = datetime.strptime(name, f"{SET}{TIME}").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    # strptime also takes a month without its 0, which `Sets.prune` does not know.
    return int(when.timestamp()) if when.strftime(f"{SET}{TIME}") == name else None
