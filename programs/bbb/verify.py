"""Proves after a change that the node is what the data says, and that a meeting can begin."""

import re
import secrets as random
import time
from typing import Any

from programs.bbb import (
    change,
    compare,
    files,
    front,
    meetings,
    packages,
    places,
    secrets,
    steps,
    units,
)
from programs.bbb.command import ask
from programs.bbb.failed import Failed
from programs.bbb.meetings import NoAnswer
from programs.bbb.root import Root
from programs.bbb.wanted import Wanted

PROBE = "coop-probe-"
# A run leaves this file as soon as it begins a first install. The next one goes on with that until
# the node was seen whole, by whomever.
FIRST = "first-install"
CHECK_SECONDS = 240
PROBLEMS = "# Potential problems described below"
SETTLED_SECONDS = 15.0


def verify(root: Root) -> dict[str, Any]:
    """FAULTS, and remarks of BBB's own check, which are for people. Raises Failed."""
    wanted = steps.staged(root)
    if change.runs():
        raise Failed("a change is at work: coop-bbb change --wait 3600")
    faults = [
        *_as_wanted(root, wanted),
        *units.faults([it.name for it in wanted.units]),
        *front.certificate_faults(root, wanted.front, wanted.hostname),
        *_secrets(root),
    ]
    if not faults:
        faults += _probe(root)
    if not faults:
        secrets.forget(root)
        files.remove(root, root.own(FIRST))
        return {"faults": [], "remarks": _remarks(root, wanted)}
    return {"faults": [secrets.mask(root, it) for it in faults], "remarks": []}


def _as_wanted(root: Root, wanted: Wanted) -> list[str]:
    now = packages.packages()
    found, faults = compare.waiting(root, wanted)
    broken = sorted(name for name, it in now.items() if not it.is_whole)
    return [
        *(f"dpkg has not finished {name}" for name in broken),
        # A reboot that waits is for the next window: Ubuntu asks for one at any time.
        *(f"not as wanted: {it.what}" for it in found if it.what != compare.A_REBOOT),
        *faults,
        *compare.firewalls(now),
    ]


def _secrets(root: Root) -> list[str]:
    """The new secret is taken, an old one refused, and no place has an old one."""
    new = secrets.wanted(root)
    faults = [f"an old API secret is still in {path}" for path in places.with_old(root)]
    try:
        meetings.call(root, new, "getMeetings")
    except NoAnswer as error:
        faults.append(f"bbb-web does not take the new secret: {error.answer}: {error}")
    # Without an old one, any other secret shows whether bbb-web looks at all.
    for old in secrets.before(root) or [random.token_hex(24)]:
        try:
            meetings.call(root, old, "getMeetings")
            faults.append("bbb-web takes another secret than the wanted one")
        except NoAnswer as error:
            if error.answer != "refused":
                faults.append(f"bbb-web does not refuse an old secret: {error.answer}: {error}")
    return faults


def _probe(root: Root) -> list[str]:
    """A meeting of our own begins and ends: nobody else's is touched."""
    secret, name, password = secrets.wanted(root), f"{PROBE}{random.token_hex(8)}", "probe-probe"
    try:
        # Should this program be cut off here, the meeting ends by itself, as nobody joins.
        meetings.call(
            root, secret, "create", meetingID=name, name="Probe", record="false",
            moderatorPW=password, attendeePW=f"{password}-2",
            meetingExpireIfNoUserJoinedInMinutes="1",
        )  # fmt: skip
        faults = []
        if name not in [it.id for it in meetings.live(root)]:
            faults.append("a new meeting is not in bbb-web's list")
        meetings.call(root, secret, "end", meetingID=name, password=password)
        end = time.monotonic() + SETTLED_SECONDS
        while name in [it.id for it in meetings.live(root)]:
            if time.monotonic() > end:
                return [*faults, "a meeting that was ended is still live"]
            time.sleep(0.5)
        return faults
    except NoAnswer as error:
        return [f"no meeting can begin and end: {error}"]


def _remarks(root: Root, wanted: Wanted) -> list[str]:
    """What `bbb-conf --check` complains of, without what is known to mean nothing here."""
    if front.is_placeholder(root, wanted.front):
        return []
    try:
        # Exit 0 whatever it finds. It asks the API by DNS, up to 160 s if nobody answers, or the
        # certificate is not trusted.
        _, said, _ = ask("bbb-conf", "--check", timeout=CHECK_SECONDS)
    except Failed as error:
        return [str(error)]
    return [
        secrets.mask(root, it)
        for it in complaints(said)
        if not any(no in it for no in wanted.noise)
    ]


def complaints(said: str) -> list[str]:
    """Each problem that `bbb-conf --check` tells, as one line, with the indented ones below it.

    Below its heading every block is a problem, and not all of them are called so.
    """
    found: list[str] = []
    is_below = goes_on = False
    for line in said.splitlines():
        if line.startswith(PROBLEMS):
            is_below, goes_on = True, False
        elif re.match(r"# \S", line):
            goes_on = is_below or line.startswith(("# Error", "# Warning"))
            found += [line] if goes_on else []
        elif goes_on and line.startswith("#"):
            found[-1] += f" {line.lstrip('# ')}"
        else:
            goes_on = False
    return [" ".join(it.split()) for it in found]
