"""What is still to be made of recordings, by the files that the workers of BigBlueButton leave.

Each worker removes the file of its own step as it begins, and leaves one as it ends, in
recording/status: recorded, archived, sanity, processed, published (record-and-playback's
rap-starter.rb and lib/recordandplayback/workers). So the files of all steps but the first stay when
a recording is done; that of the first goes as soon as the others know of the recording.
"""

import os
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from programs.recordings import Settings
from programs.recordings.names import MEETING
from programs.recordings.problems import Found, Problem

STEPS = ("recorded", "archived", "sanity", "processed", "published")
# After the first format of a recording others may take long to make. What has not come by then is a
# format that the data did not ask for when the recording was made.
LATE_SECONDS = 7 * 24 * 3600


def queue(settings: Settings, found: Found) -> int:
    """How many recordings are still to be made; those that have failed are told as well."""
    every = left_of_each(settings)
    return sum(is_to_be_made(it, settings, left, found) for it, left in every.items())


def is_to_be_made(
    meeting: str, settings: Settings, left: Mapping[str, float], found: Found
) -> bool:
    """left: by step and file, such as processed/-video.done, since when it is there

    For a recording of which nothing is left, there is only what it is to be made from.
    """
    if any(it.startswith("recorded/") for it in left):
        return True
    if "archived/.norecord" in left:
        return False
    failed = sorted(it for it in left if it.endswith(".fail"))
    if failed:
        step = failed[0].partition("/")[0]
        text = f"{meeting} was not made: its step {step} has failed; see bbb-record --rebuild"
        found.add(Problem("failed", text))
        return True
    made = {_format(it) for it in left if it.startswith("published/")}
    if not made:
        return True
    begun = {_format(it) for it in left if it.startswith("processed/")}
    newest = max(when for it, when in left.items() if it.startswith("published/"))
    if newest > time.time() - LATE_SECONDS:
        begun |= set(settings.formats)
    return not begun <= made


def _format(name: str) -> str:
    """Of processed/-video.done: video."""
    return name.rpartition("/-")[2].partition(".")[0]


def left_of_each(settings: Settings) -> dict[str, dict[str, float]]:
    """By recording, what the workers have left, and since when; {} where there is only raw."""
    found: dict[str, dict[str, float]] = {
        it.name: {} for it in _entries(settings.recordings / "recording/raw") if it.is_dir()
    }
    for step in STEPS:
        for entry in _entries(settings.status / step):
            meeting = MEETING.match(entry.name)
            if meeting:
                rest = entry.name[meeting.end() :]
                when = entry.stat(follow_symlinks=False).st_mtime
                found.setdefault(meeting[0], {})[f"{step}/{rest}"] = when
    return {name: left for name, left in found.items() if MEETING.fullmatch(name)}


def _entries(directory: Path) -> Iterable[os.DirEntry[str]]:
    try:
        if not stat.S_ISDIR(directory.lstat().st_mode):
            return []
        with os.scandir(directory) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
