"""The secrets of BigBlueButton, and of what stands before its nodes."""

from collections.abc import Sequence
from datetime import datetime

from fleet.hosts import Host
from fleet.model import Fleet
from fleet.secret_kinds.kind import Kind, fits


def _nodes(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    # Nothing on a node that is about to go is changed, and its secret neither.
    return [BBB.of(it.name) for it in hosts if it.bbb and it.bbb.wanted != "retired"]


def _turn(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    return [TURN.of(it.name) for it in hosts if it.bbb and it.bbb.turn != "local"]


def _balancers(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    names = dict.fromkeys(it.bbb.balancer for it in hosts if it.bbb)
    names.update(dict.fromkeys(it.scalelite.balancer for it in hosts if it.scalelite))
    # bbblb's own machine keeps bbblb's secret.
    known = fleet.bbb.balancers
    return [BALANCER.of(it) for it in names if it and known[it].driver != "bbblb"]


def _scalelites(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    return [SCALELITE.of(it.name) for it in hosts if it.scalelite]


_MAKE = "openssl rand -hex 32"
_is_secret = fits(
    # bbb-conf puts the secret into files by sed, and breaks at other characters.
    r"[A-Za-z0-9]{32,128}",
    "is not 32 to 128 letters and digits",
    f"put the output of `{_MAKE}` there",
)
_is_balancers = fits(
    r"[!-~]{20,}",
    "is not 20 or more characters, none of them a space",
    "put the secret of the balancer's own interface there",
)

# The secret of a node's API, as it should be: what a node has now stays on the node.
BBB = Kind("BBB_SECRET_", _nodes, _is_secret, _MAKE)

# What a node shares with TURN servers elsewhere. A node with a server of its own makes one itself.
TURN = Kind("TURN_SECRET_", _turn, _is_secret, _MAKE)

# The secret of a balancer's own interface.
BALANCER = Kind("BALANCER_SECRET_", _balancers, _is_balancers, _MAKE)

# The passwords of Scalelite's database and Redis follow from this, and the key of its Rails.
SCALELITE = Kind("SCALELITE_KEY_", _scalelites, _is_secret, _MAKE)
