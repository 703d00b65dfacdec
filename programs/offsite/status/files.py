"""The files that other programs have written, of which the pull's account may write some."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from programs.shared.plain import plain

# No file that is read here may be larger, in bytes: each has some hundred for a dataset.
MOST = 2**23
# The last second that a date can have in four digits: what is later is no time.
TIME_MOST = 253402300799


def read(file: Path, is_right: Callable[[Any], bool]) -> tuple[Any, list[str]]:
    """What the file says, None if there is none; and the problem with the file, if there is one.

    is_right: whether JSON has the form that the file should have
    """
    try:
        with plain(file) as opened:
            found = json.loads(opened.read(MOST))
        if not is_right(found):
            raise ValueError("it says something else than it should")
    except FileNotFoundError:
        return None, []
    except (OSError, ValueError, RecursionError) as error:
        return None, [f"{file} cannot be read: {error}"]
    return found, []


def _is_time(value: Any) -> bool:
    return type(value) is int and 0 <= value <= TIME_MOST


def is_seen(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and _is_time(found.get("at"))
        and isinstance(found.get("newest"), dict)
        and all(map(_is_time, found["newest"].values()))
    )


def is_stale(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(it, str) for it in found)


def is_evidence(found: Any) -> bool:
    return isinstance(found, dict) and all(
        isinstance(it, dict)
        and _is_time(it.get("proven"))
        and isinstance(it.get("problem"), str | None)
        for it in found.values()
    )
