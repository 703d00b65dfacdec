"""What is written down of the sets, for when they cannot be read."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from programs.backup import Settings
from programs.backup.sets import SET, TIME, Sets


def note(settings: Settings, sets: Sets) -> list[str]:
    """The sets, which are written down for when they cannot be read."""
    names = sets.names()
    known = {"sets": len(names), "newest": max(map(taken, names), default=0)}
    replace(last(settings), json.dumps(known))
    return names


def last(settings: Settings) -> Path:
    return Path(settings["state"], "last.json")


def damage(settings: Settings) -> Path:
    """What was found to be damaged. It is there until a person has put that right."""
    return Path(settings["state"], "damage")


def replace(file: Path, text: str) -> None:
    """Whole or not at all, for everybody to read, and never through a link. Raises OSError.

    The directory is the role's to make.
    """
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with new.open("x") as out:
        os.fchmod(out.fileno(), 0o644)
        out.write(text)
        out.flush()
        # After a reset an empty file would be read as if there had never been a set.
        os.fsync(out.fileno())
    new.replace(file)


def taken(name: str) -> int:
    """Seconds since 1970 of a set, by its name."""
    when = datetime.strptime(name.removeprefix(SET), TIME).replace(tzinfo=UTC)
    return int(when.timestamp())
