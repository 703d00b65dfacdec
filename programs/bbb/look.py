"""Everything that a run, a roll or a person asks about a node, in one answer."""

from typing import Any

from programs.bbb import (
    compare,
    files,
    gate,
    meetings,
    packages,
    places,
    secrets,
    steps,
    units,
    window,
)  # fmt: skip
from programs.bbb.failed import Failed
from programs.bbb.root import Root
from programs.bbb.wanted import Wanted

# What has been recorded and not yet been made a recording of: the pipeline of bbb-record-core.
QUEUE = "/var/bigbluebutton/recording/status"
STAGES = ("recorded", "archived", "sanity", "processed")


def look(root: Root) -> dict[str, Any]:
    """LOOK. On a node for which nothing is staged, only what can be known. Raises Failed."""
    now = packages.packages()
    known: dict[str, Any] = {
        "release": packages.release(root),
        "wanted": None,
        "dpkg": sorted(name for name, it in now.items() if not it.is_whole),
        "waiting": [],
        "meetings": meetings.answer(root),
        "units": {},
        "gate": "open" if files.read(root, gate.FILE) is None else "closed",
        "window": window.read(root),
        "places": places.summary(root, None),
        "drift": [],
        "spool": None,
    }
    if files.read(root, root.own("wanted.json")) is None:
        return known
    return {**known, **_against(root, steps.staged(root))}


def _against(root: Root, wanted: Wanted) -> dict[str, Any]:
    waiting, faults = compare.waiting(root, wanted)
    return {
        "wanted": wanted.release,
        "waiting": [{"what": it.what, "class": it.kind} for it in waiting],
        "units": {n: vars(it) for n, it in units.units([u.name for u in wanted.units]).items()},
        "gate": gate.now(root, wanted),
        "places": places.summary(root, secrets.wanted(root)),
        "drift": [*faults, *compare.drift(root, wanted)],
        "spool": _spool(root, wanted.spool),
    }


def _spool(root: Root, spool: str | None) -> dict[str, Any] | None:
    """How many recordings wait to be handed over, since when, and how many are not made yet."""
    if spool is None:
        return None
    directory = root.at(spool)
    try:
        waiting = [it.lstat() for it in directory.iterdir()] if directory.is_dir() else []
        queue = sum(
            1 for stage in STAGES for _ in root.at(f"{QUEUE}/{stage}").glob("*.done")
        )  # fmt: skip
    except OSError as error:
        raise Failed(f"the recordings cannot be counted: {error}") from None
    return {
        "waiting": len(waiting),
        "oldest": int(min(it.st_mtime for it in waiting)) if waiting else None,
        "queue": queue,
    }
