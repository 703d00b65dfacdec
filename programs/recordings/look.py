"""A look: what waits to be handed over, since when, and what is wrong. Touches no storage."""

import json
import sys
import time
from collections.abc import Mapping

from programs.recordings import Settings
from programs.recordings.child import Program
from programs.recordings.known import Copy, copies, last
from programs.recordings.names import SPOOLED
from programs.recordings.problems import KINDS, Problem
from programs.recordings.run import Scan, scan
from programs.recordings.volume import is_mounted
from programs.shared.exposition import exposition, labels
from programs.shared.whole import replace

# How long after the last run something must be wrong with the timer.
SILENT_SECONDS = 4 * 3600


def look(program: Program, settings: Settings, write: bool) -> int:
    """Print what is known, as JSON. Returns the exit status.

    write: whether to write the metrics too
    """
    now = int(time.time())
    before = last(settings)
    problems: dict[str, str] = dict(before["problems"])
    seen, kept = Scan([], {}, 0, {}), dict[str, Copy]()
    try:
        seen, kept = scan(program, settings), copies(settings)
        problems |= seen.problems
    except Problem as problem:
        problems[problem.kind] = problem.text
    except (OSError, ValueError) as error:
        problems["failed"] = str(error)
    if before["at"] and before["at"] < now - SILENT_SECONDS:
        problems["unknown"] = f"the last run ended {now - before['at']} s ago"
    told = {"at": now, **figures(settings, seen, kept)}
    if told["waiting"] and told["oldest"] < now - settings.max_age:
        problems["old"] = f"a recording has waited for {now - told['oldest']} s"
    if write:
        try:
            replace(settings.metrics, metrics(told, problems))
        except OSError as error:
            problems["failed"] = f"the metrics cannot be written: {error}"
    volume = (
        "none" if settings.volume is None else "there" if is_mounted(settings.volume) else "away"
    )
    print(json.dumps({**told, "volume": volume, "problems": list(problems.values())}))
    for text in problems.values():
        print(text, file=sys.stderr)
    return 1 if problems else 0


def figures(settings: Settings, seen: Scan, kept: Mapping[str, Copy]) -> dict[str, int]:
    """waiting: recordings without a copy; oldest: since when the first of them is published, or 0

    spooled: files in the spool; queue: how many are not made yet; copied: how many of those on the
    host have a copy. A host whose three first figures are 0 has nothing that would be lost with it.
    """
    if settings.volume is None:
        waiting = []
    else:
        waiting = [
            it for it in seen.published if it.name not in kept or kept[it.name].mark != it.mark
        ]
    copied = len(seen.published) - len(waiting) if settings.volume else 0
    return {
        "waiting": len(waiting),
        "spooled": sum(1 for it in seen.spooled if SPOOLED.fullmatch(it)),
        "queue": seen.queue,
        "oldest": min((it.since for it in waiting), default=0),
        "copied": copied,
    }


def metrics(told: Mapping[str, int], problems: Mapping[str, str]) -> str:
    """The same series in every case, so that an absent series can be an alert of its own.

    docs/recordings.md lists them.
    """
    families = {
        "coop_recording_waiting": (
            "How many published recordings have no compared copy on the volume.",
            {"": told["waiting"]},
        ),
        "coop_recording_spooled": ("How many files wait in the spool.", {"": told["spooled"]}),
        "coop_recording_queue": (
            "How many recordings are still to be made.",
            {"": told["queue"]},
        ),
        "coop_recording_oldest_timestamp_seconds": (
            "Since when the oldest recording that waits is published; 0 if none waits.",
            {"": told["oldest"]},
        ),
        "coop_recording_copied": (
            "How many recordings on the host have a copy on the volume.",
            {"": told["copied"]},
        ),
        "coop_recording_problem": (
            "Whether this is wrong with the recordings: 1 or 0.",
            {labels(kind=kind): int(kind in problems) for kind in KINDS},
        ),
        "coop_recording_status_timestamp_seconds": (
            "When this was last looked at.",
            {"": told["at"]},
        ),
    }
    return exposition(families)
