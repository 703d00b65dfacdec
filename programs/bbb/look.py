"""Everything that a run, a roll or a person asks about a node, in one answer."""

import json
from typing import Any

from programs.bbb import (
    change,
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
from programs.bbb.command import ask
from programs.bbb.failed import Failed
from programs.bbb.root import Root
from programs.bbb.wanted import Wanted


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
    waiting, faults = compare.waiting(root, wanted, change.runs())
    return {
        "wanted": wanted.release,
        "waiting": [{"what": it.what, "class": it.kind} for it in waiting],
        "units": {
            name: {"active": it.active, "restarts": it.restarts}
            for name, it in units.units([it.name for it in wanted.units]).items()
        },
        "gate": gate.now(root, wanted),
        "places": places.summary(root, secrets.wanted(root)),
        "drift": [*faults, *compare.drift(root, wanted)],
        "spool": _spool(root, wanted.recordings),
    }


def _spool(root: Root, program: str | None) -> dict[str, Any] | None:
    """What recordings have still to leave the node. problem: why nobody knows it for certain."""
    if program is None:
        return None
    try:
        _, out, _ = ask(str(root.at(program)), "look")
        told = json.loads(out)
        return {
            # Of a recording that is being handed over, either number may already have gone down.
            "waiting": max(int(told["waiting"]), int(told["spooled"])),
            "oldest": int(told["oldest"]) or None,
            "queue": int(told["queue"]),
            "problem": "; ".join(map(str, told["problems"])) or None,
        }
    except (Failed, KeyError, TypeError, ValueError) as error:
        problem = f"{program} look tells nothing that can be read: {error}"
        return {"waiting": 0, "oldest": None, "queue": 0, "problem": problem}
