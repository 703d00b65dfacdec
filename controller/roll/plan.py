"""Whether a node needs a window, and what for."""

from controller.roll import words
from controller.roll.answers import Look
from controller.roll.cordon import Cordon
from controller.roll.steps import Wish

SERVES_AGAIN = "serves again"
"""A reason of a window: its end makes the node serve, whatever the balancer said before.

A gate that is closed without a window is that of a node that was drained.
"""

NEW = "new at the balancer"


def plan(look: Look, cordon: Cordon, wish: Wish) -> tuple[str, ...]:
    """What a window would be for; empty if none is needed. Raises BalancerError."""
    if wish.wanted != "serving":
        return () if is_out(look, cordon) else (f"is to be {wish.wanted}",)
    found = [*words.reasons(look)]
    if look.gate == "closed":
        found.append(SERVES_AGAIN)
    if cordon.is_missing:
        found.append(NEW)
    return tuple(found)


def is_out(look: Look, cordon: Cordon) -> bool:
    """Whether the node is drained: no meeting gets there, and none is known to run.

    Its API may be down meanwhile. Raises BalancerError.
    """
    server = cordon.server
    none_comes = look.gate == "closed" and (server is None or server.state != "serving")
    return none_comes and not look.meetings.meetings
