"""What is published on the host. Everything here happens in the name of BigBlueButton's account."""

import hashlib
import os
import stat
from collections.abc import Iterator

from programs.recordings import Settings, plain
from programs.recordings.names import MEETING, SPOOLED, Recording
from programs.recordings.problems import Found, Problem

# What has been recorded, and is not published yet: the pipeline of bbb-record-core.
STAGES = ("recorded", "archived", "sanity", "processed")


def scan(settings: Settings) -> dict[str, object]:
    """What lies there, for JSON.

    published: [meeting, format, mark, since]; spooled: {file: size}; queue: how many are not made
    yet; problems: by kind
    """
    found = Found()
    return {
        "published": [
            [it.meeting, it.format, it.mark, it.since] for it in published(settings, found)
        ],
        "spooled": spooled(settings, found),
        "queue": queue(settings),
        "problems": found.told(),
    }


def published(settings: Settings, found: Found) -> Iterator[Recording]:
    """The recordings whose publication is done, the oldest first."""
    done = _done(settings)
    recordings = []
    for kind in settings.formats:
        try:
            at = plain.directory(settings.recordings / "published" / kind)
        except FileNotFoundError:
            continue
        except OSError as error:
            found.add(Problem("odd", f"published/{kind} cannot be read: {error.strerror}"))
            continue
        try:
            for entry in plain.entries(at):
                since = done.get(f"{entry}-{kind}")
                if not MEETING.fullmatch(entry):
                    found.add(Problem("odd", f"published/{kind} has a recording {entry!r}"))
                elif since is not None:
                    try:
                        text = mark(at, entry, since)
                        recordings.append(Recording(entry, kind, text, since // 10**9))
                    except Problem as problem:
                        found.add(problem)
                    except OSError as error:
                        text = f"published/{kind}/{entry} cannot be read: {error.strerror}"
                        found.add(Problem("odd", text))
        finally:
            os.close(at)
    yield from sorted(recordings, key=lambda it: (it.since, it.name))


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


def queue(settings: Settings) -> int:
    """How many recordings are still to be made."""
    return sum(1 for stage in STAGES for _ in (settings.status / stage).glob("*.done"))


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
