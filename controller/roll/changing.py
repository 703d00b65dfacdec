"""The steps after the gate: the change itself, its proof, and the look from outside."""

from controller.roll import words
from controller.roll.cordon import Cordon
from controller.roll.steps import Away, Clock, Node, NodeError, Say, Stopped, Wish

AWAY_SECONDS = 1200
"""How long a node may be away in a change or before its proof: it may boot, and machines are slow
to boot.
"""

RETRY_SECONDS = 15
AWAY = "away"
REBOOT = "reboot"
"""The step of a change in which the node boots, and waits to be told to go on.

Also what waits if the system asks for a reboot, which it may do at any time.
"""

OUTSIDE_SECONDS = 60

BEFORE_STOP = ("begin", "check", "finish what dpkg has left", "fetch packages")
"""The steps of a change in which nothing of BigBlueButton is stopped or replaced yet.

The second to last does nothing where dpkg has left nothing.
"""


class Untouched(Stopped):
    """The change has failed before it touched anything of BigBlueButton."""


def change(node: Node, cordon: Cordon, wish: Wish, clock: Clock, say: Say) -> None:
    """Returns once the change is done. Raises Stopped with the reason if it has failed.

    The change goes on without this connection, so a connection that is lost is made anew. A node
    that boots may refuse anything while it goes down.
    """
    # The host's own limit should come first.
    end = clock.now() + wish.change + AWAY_SECONDS
    heard, told = clock.now(), ""
    while clock.now() < end:
        try:
            now = node.change(wish.force)
        except NodeError as error:
            if told not in (AWAY, REBOOT) and not isinstance(error, Away):
                raise
            if clock.now() - heard >= AWAY_SECONDS:
                raise
            if told != AWAY:
                say(f"cannot be reached while it changes; tries again: {error}")
            told = AWAY
            clock.sleep(RETRY_SECONDS)
            continue
        heard = clock.now()
        if now.state == "done":
            return
        if now.state == "failed":
            for line in now.log:
                say(f"  {line}")
            last = f": {now.log[-1]}" if now.log else ""
            kind = Untouched if now.step in BEFORE_STOP else Stopped
            raise kind(f"the change has failed{f' in {now.step}' if now.step else ''}{last}")
        if now.step != told:
            say(f"changes: {now.step}")
        told = now.step
        cordon.hold(has_meetings=False)
        clock.sleep(RETRY_SECONDS if told == REBOOT else 1)
    raise Stopped(f"the change has not ended after {words.duration(wish.change)}")


def verify(node: Node, clock: Clock, say: Say) -> None:
    """Raises Stopped with all that is wrong, or that still waits."""
    end = clock.now() + AWAY_SECONDS
    while True:
        try:
            found = node.verify()
            left = [it for it in words.reasons(node.look()) if it != REBOOT]
            faults = found.faults or left
            break
        except Away:
            if clock.now() >= end:
                raise
            clock.sleep(RETRY_SECONDS)
    for line in found.remarks:
        say(f"bbb-conf --check: {line}")
    if faults:
        raise Stopped(f"after the change: {'; '.join(faults)}")


def is_shut_outside(node: Node, clock: Clock) -> str:
    """Why people's browsers do not get to the node; "" once they do."""
    end = clock.now() + OUTSIDE_SECONDS
    while (why := node.shut_outside()) and clock.now() < end:
        clock.sleep(5)
    return why
