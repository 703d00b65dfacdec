"""Keeps what has been handed over, and what was wrong in the last run. Root's alone."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from programs.recordings import Settings
from programs.shared.whole import replace


@dataclass(frozen=True)
class Copy:
    """What the volume has of a recording.

    mark: of the recording that was copied; size: of the copy, in bytes
    at: when the copy was compared, in seconds since 1970
    """

    mark: str
    digest: str
    size: int
    at: int


def copies(settings: Settings) -> dict[str, Copy]:
    """By name, what has been handed over. Raises ValueError if nobody can read what is kept."""
    with suppress(FileNotFoundError):
        kept = json.loads(_copies(settings).read_text())
        return {name: Copy(**it) for name, it in kept.items()}
    return {}


def keep(settings: Settings, now: dict[str, Copy]) -> None:
    """Write down what has been handed over."""
    replace(_copies(settings), json.dumps({name: asdict(it) for name, it in now.items()}))


def note(settings: Settings, at: int, problems: dict[str, str]) -> None:
    """Write down how the run ended."""
    replace(_last(settings), json.dumps({"at": at, "problems": problems}))


def last(settings: Settings) -> dict[str, Any]:
    """What `note` wrote down: "at" and "problems"."""
    try:
        return dict(json.loads(_last(settings).read_text()))
    except (FileNotFoundError, ValueError):
        return {"at": 0, "problems": {"unknown": "no run has told anything yet"}}


def _copies(settings: Settings) -> Path:
    return settings.state / "copies.json"


def _last(settings: Settings) -> Path:
    return settings.state / "last.json"
