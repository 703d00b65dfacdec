"""What is published on the host. Everything here happens in the name of BigBlueButton's account."""

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from programs.recordings import Settings, plain
from programs.recordings.making import queue
from programs.recordings.names import FORMAT, MEETING, SPOOLED, Recording
from programs.recordings.problems import Found, Problem

# BigBlueButton moves a recording from one to the other when somebody unpublishes it.
PLACES = ("published", "unpublished")
DONE_SECONDS = 24 * 3600


def scan(settings: Settings) -> dict[str, object]:
    """What lies there, for JSON.

    published: [meeting, format, mark, since, place]; spooled: {file: size}; queue: how many are
    not made yet; problems: by kind
    """
    found = Found()
    return {
        "published": [
            [it.meeting, it.format, it.mark, it.since, it.place]
            for it in published(settings, found)
        ],
        "spooled": spooled(settings, found),
        "queue": queue(settings, found),
        "problems": found.told(),
    }


def published(settings: Settings, found: Found) -> Iterator[Recording]:
    """The recordings whose publication is done, the oldest first.

    Of whatever format, and also those that somebody has unpublished since.
    """
    done = _done(settings)
    recordings: dict[str, Recording] = {}
    for place in PLACES:
        for kind in _formats(settings.recordings / place, found):
            for it in _in(settings, place, kind, done, found):
                recordings.setdefault(it.name, it)
    yield from sorted(recordings.values(), key=lambda it: (it.since, it.name))


def _formats(directory: Path, found: Found) -> list[str]:
    try:
        names = sorted(it.name for it in directory.iterdir())
    except FileNotFoundError:
        return []
    for name in names:
        if not FORMAT.fullmatch(name):
            found.add(Problem("odd", f"{directory.name} has {name!r}, which is no format"))
    return [it for it in names if FORMAT.fullmatch(it)]


def _in(
    settings: Settings, place: str, kind: str, done: dict[str, int], found: Found
) -> Iterator[Recording]:
    try:
        at = plain.directory(settings.recordings / place / kind)
    except OSError as error:
        found.add(Problem("odd", f"{place}/{kind} cannot be read: {error.strerror}"))
        return
    try:
        for entry in plain.entries(at):
            since = done.get(f"{entry}-{kind}")
            if not MEETING.fullmatch(entry):
                found.add(Problem("odd", f"{place}/{kind} has a recording {entry!r}"))
                continue
            try:
                if since is None:
                    _tell_if_old(at, entry, f"{place}/{kind}", found)
                    continue
                yield Recording(entry, kind, mark(at, entry, since), since // 10**9, place)
            except Problem as problem:
                found.add(problem)
            except OSError as error:
                text = f"{place}/{kind}/{entry} cannot be read: {error.strerror}"
                found.add(Problem("odd", text))
    finally:
        os.close(at)


def _tell_if_old(at: int, entry: str, where: str, found: Found) -> None:
    """A publication takes a while until it says that it is done."""
    since = os.stat(entry, dir_fd=at, follow_symlinks=False).st_mtime
    if since < time.time() - DONE_SECONDS:
        text = f"{where} has {entry}, and no file says that its publication is done"
        found.add(Problem("odd", text))


def mark(at: int, name: str, since: int) -> str:
    """16 hex digits that change with the recording. Raises OSError, Problem.

    since: the time of the file that says that publication is done, in ns. A publication writes that
    file anew; what changes later lies in the first level, such as metadata.xml and captions.
    """
    inside = plain.directory(name, at)
    try:
        lines = [f"{since}"]
        for entry in plain.entries(inside):
            it = os.stat(entry, dir_fd=inside, follow_symlinks=False)
            if not (stat.S_ISREG(it.st_mode) or stat.S_ISDIR(it.st_mode)):
                raise Problem("odd", f"{name} holds {entry!r}, which is no file and no directory")
            lines.append(f"{entry!r} {it.st_mode} {it.st_size} {it.st_mtime_ns}")
    finally:
        os.close(inside)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def spooled(settings: Settings, found: Found) -> dict[str, int]:
    """The files that wait in the spool, with their sizes in bytes."""
    files = {}
    for path in sorted(settings.spool.iterdir()):
        entry, it = path.name, path.stat(follow_symlinks=False)
        if SPOOLED.fullmatch(entry) and stat.S_ISREG(it.st_mode):
            files[entry] = it.st_size
        elif not entry.endswith(".new"):
            found.add(Problem("odd", f"the spool has {entry!r}, which no run has put there"))
    return files


def _done(settings: Settings) -> dict[str, int]:
    """When each publication was done, in ns, by the recording's name."""
    directory = settings.status / "published"
    if not directory.is_dir():
        return {}
    with os.scandir(directory) as entries:
        return {
            it.name.removesuffix(".done"): it.stat(follow_symlinks=False).st_mtime_ns
            for it in entries
            if it.name.endswith(".done")
        }
