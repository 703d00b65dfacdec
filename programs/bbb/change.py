"""Starts the change in a unit of its own, and waits for its end."""

import sys
import time
from pathlib import Path
from typing import Any

from programs.bbb import compare, files, gate, meetings, secrets, state, steps
from programs.bbb.command import call
from programs.bbb.failed import Failed
from programs.bbb.lock import alone
from programs.bbb.root import Root
from programs.bbb.units import units
from programs.bbb.wanted import Wanted

UNIT = "coop-bbb-change.service"
# systemd ends what does not end by itself after this time too: apt may be in a package's script.
STOP_SECONDS = 60
LOG_LINES = 30
PYTHON = "/usr/bin/python3"


def change(root: Root, wait: float, cut: bool) -> dict[str, Any]:
    """Start the change unless one runs, or there is nothing to do, and wait. Raises Failed.

    wait: seconds
    cut: whether the meetings that the node lists may end by it
    """
    with alone(root):
        if not runs():
            wanted = steps.staged(root)
            if _is_done(root, wanted):
                return _told(root, state.DONE)
            _refuse(root, cut)
            _start(root, wanted)
    end = time.monotonic() + wait
    while runs():
        if time.monotonic() >= end:
            return _told(root, state.RUNNING)
        time.sleep(0.5)
    return _told(root, state.read(root).state)


def _is_done(root: Root, wanted: Wanted) -> bool:
    now = state.read(root)
    if now.state != state.DONE or now.wanted != wanted.digest:
        return False
    found, faults = compare.waiting(root, wanted)
    return not found and not faults


def _refuse(root: Root, cut: bool) -> None:
    """Refuse to start where somebody might be in a meeting. Raises Failed.

    A node without BBB has no meetings, and a first install a closed gate. After a change has begun
    the API may be down, and no meeting can have begun as long as the gate was not opened.
    """
    if found := compare.refusals(root):
        raise Failed("; ".join(found))
    now = state.read(root)
    is_new = now.is_first and now.is_unfinished and not now.may_have_people
    if is_new or compare.is_bare(root):
        return
    if not gate.is_shut(root):
        raise Failed(
            "the gate is open, so a meeting could begin meanwhile: run bbb_roll.py, or here "
            "coop-bbb gate close"
        )
    found_meetings = meetings.answer(root)
    if found_meetings["answer"] == "known":
        if (live := found_meetings["meetings"]) and not cut:
            raise Failed(f"{len(live)} meetings are live, and would end: --cut, if that is wanted")
    elif now.may_have_people:
        raise Failed(f"nobody knows whether a meeting is live: {found_meetings['why']}")


def _start(root: Root, wanted: Wanted) -> None:
    before = state.read(root)
    # Whoever asks at once should not be told of the change before.
    secrets.put(root, steps.LOG, "")
    state.write(
        root, before, state=state.RUNNING, step="begin", why="", may_have_people=False,
        is_first=(before.is_first and before.is_unfinished) or compare.is_bare(root),
    )  # fmt: skip
    call(
        "systemd-run", f"--unit={UNIT}", "--collect", "--quiet",
        "--description=Changes BigBlueButton to what the data says",
        # Type=oneshot would ignore RuntimeMaxSec: systemd.service(5).
        "--property=Type=exec", f"--property=RuntimeMaxSec={wanted.limit}",
        f"--property=TimeoutStopSec={STOP_SECONDS}", "--property=UMask=0022",
        PYTHON, "-I", str(Path(sys.argv[0]).resolve()), "steps",
    )  # fmt: skip


def runs() -> bool:
    """Whether the change is at work. Raises Failed."""
    return units([UNIT])[UNIT].active in ("active", "activating", "deactivating", "reloading")


def _told(root: Root, how: str) -> dict[str, Any]:
    now = state.read(root)
    log = files.read(root, root.own(steps.LOG), most=2**26)
    lines = log.text.encode(errors="replace").decode().splitlines() if log else []
    told = [secrets.mask(root, it) for it in lines[-LOG_LINES:]]
    if how == state.RUNNING and not runs():
        if now.step == steps.Change.REBOOT:
            told.append("the node reboots")
        else:
            # Nobody wrote down an end: the unit was killed, or the node went down.
            how = state.FAILED
            told.append(f"the change was cut off in: {now.step}. The next change goes on from here")
    return {"state": how, "step": now.step, "log": told}
