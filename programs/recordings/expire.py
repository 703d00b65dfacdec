"""Lets expire what is on the host, in the name of BigBlueButton's account."""

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from programs.recordings import Settings
from programs.recordings.making import is_to_be_made, left_of_each
from programs.recordings.names import MEETING, Recording
from programs.recordings.problems import Found, Problem
from programs.recordings.published import published

DAY = 24 * 3600


def expire(settings: Settings, copied: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Remove what is due. Returns the problems, for JSON.

    copied: name and mark of the recordings whose copies have been compared for long enough
    """
    found = Found()
    steps: list[Callable[[], None]] = [
        lambda: _published(settings, set(copied), found),
        lambda: _deleted(settings),
        lambda: _raw(settings),
    ]
    for step in steps:
        try:
            step()
        except OSError as error:
            found.add(Problem("failed", f"something cannot be removed: {error}"))
    return {"problems": found.told()}


def _published(settings: Settings, copied: set[tuple[str, str]], found: Found) -> None:
    for it in list(published(settings, Found())) if copied else []:
        # One that has changed since its copy was made has no copy.
        if (it.name, it.mark) in copied:
            _remove(settings.recordings / it.place / it.format, it.meeting)


def _deleted(settings: Settings) -> None:
    """What somebody has deleted BigBlueButton only moves aside, and keeps for ever."""
    days = settings.days["deleted"]
    for kind in _entries(settings.recordings / "deleted") if days is not None else []:
        for entry in _entries(kind):
            it = entry.stat(follow_symlinks=False)
            # The move has changed ctime alone.
            if days is not None and max(it.st_mtime, it.st_ctime) < time.time() - days * DAY:
                _remove(kind, entry.name)


def _raw(settings: Settings) -> None:
    """What recordings were made of, where BigBlueButton's own cron job would keep it for ever.

    That job removes only what was published in the format presentation.
    """
    days = settings.days["raw"]
    if days is None or "presentation" in settings.formats:
        return
    raw, left = settings.recordings / "recording/raw", left_of_each(settings)
    for entry in _entries(raw):
        name = entry.name
        if MEETING.fullmatch(name) and _is_made(settings, name, left.get(name, {}), days):
            _remove(raw, name)


def _is_made(settings: Settings, meeting: str, left: Mapping[str, float], days: int) -> bool:
    """Whether each format was published so many days ago, and nothing of the meeting waits."""
    if is_to_be_made(meeting, settings, left, Found()):
        return False
    for kind in settings.formats:
        done = settings.status / "published" / f"{meeting}-{kind}.done"
        try:
            if done.stat(follow_symlinks=False).st_mtime >= time.time() - days * DAY:
                return False
        except FileNotFoundError:
            return False
    return True


def _entries(directory: Path) -> list[Path]:
    """What is in the directory; nothing if it is a link, or none."""
    if directory.is_symlink() or not directory.is_dir():
        return []
    return sorted(directory.iterdir())


def _remove(directory: Path, name: str) -> None:
    """Remove what has this name in the directory; of a link the link alone. Raises OSError."""
    path = directory / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def copied(
    recordings: Iterable[Recording], compared: dict[str, tuple[str, int]], days: int | None
) -> list[Recording]:
    """Those whose copies were compared so many days ago, and that are still the same.

    compared: by name, the mark and the time
    """
    if days is None:
        return []
    due = []
    for it in recordings:
        with suppress(KeyError):
            mark, when = compared[it.name]
            if mark == it.mark and when < time.time() - days * DAY:
                due.append(it)
    return due
