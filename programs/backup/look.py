"""A look: how old the newest set is, and what is wrong with the store."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from programs.backup import Settings
from programs.backup.command import Failed
from programs.backup.known import damage, last, note
from programs.backup.store import opened
from programs.shared.exposition import exposition, labels
from programs.shared.whole import replace

SKEW_SECONDS = 300
# What may be wrong with the sets.
KINDS = ("unreadable", "damaged", "missing", "ahead", "old", "unknown")


def look(settings: Settings, readable: bool, write: bool) -> int:
    """Judge what is known of the sets, even if nobody can read them now. Returns the exit status.

    readable: False while another one is at work; that nobody can read the sets is no problem then
    write: whether to write the metrics too
    """
    found: dict[str, str] = {}
    try:
        if readable:
            with opened(settings) as sets:
                note(settings, sets)
    except (Failed, OSError) as error:
        found["unreadable"] = f"the sets cannot be read: {error}"
    known, others = {"sets": 0, "newest": 0}, []
    with suppress(OSError, ValueError):
        known = json.loads(last(settings).read_text())
        others = known.pop("others", [])
    if damage(settings).exists():
        found["damaged"] = f"the store is damaged: {damage(settings).read_text()}"
    now = int(time.time())
    found |= problems(settings, known, now)
    if others:
        found["unknown"] = (
            f"no night gives a set such a name: {', '.join(map(ascii, others))}. It is not counted "
            "and never dropped: coop-backup run borg rename ::NAME OTHER, without night-"
        )
    said = [*found.values()]
    if write:
        try:
            replace(Path(settings["metrics"]), metrics(known, found, now))
        except OSError as error:
            said.append(f"the metrics cannot be written: {error}")
    print(json.dumps({"at": now, **known, "problems": said}))
    for problem in said:
        print(problem, file=sys.stderr)
    return 1 if said else 0


def problems(settings: Settings, known: dict[str, int], now: int) -> Iterator[tuple[str, str]]:
    """What is wrong with the age of the newest set: the kind, and a text for a person."""
    age = now - known["newest"]
    if not known["sets"]:
        yield "missing", "there is no set"
    elif age < -SKEW_SECONDS:
        text = f"the newest set is from {-age} s ahead: was the clock wrong, or is it now?"
        yield "ahead", text
    elif age > settings["max_age"]:
        yield "old", f"the newest set is {age} s old, and may be {settings['max_age']}"


def metrics(known: dict[str, int], found: Mapping[str, str], now: int) -> str:
    """The same series in every case, so that an absent series can be an alert of its own.

    docs/backups.md lists them.
    """
    families = {
        "coop_set_newest_timestamp_seconds": (
            "When the newest set in the provider's store was begun; 0 if there is none.",
            {"": known["newest"]},
        ),
        "coop_set_kept": ("How many sets are in the provider's store.", {"": known["sets"]}),
        "coop_set_problem": (
            "Whether this is wrong with the sets: 1 or 0.",
            {labels(kind=kind): int(kind in found) for kind in KINDS},
        ),
        "coop_set_status_timestamp_seconds": ("When this was last looked at.", {"": now}),
    }
    return exposition(families)
