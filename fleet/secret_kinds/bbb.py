"""The secrets of BigBlueButton, and of what stands before its nodes."""

import re
from collections.abc import Sequence
from datetime import datetime

from fleet.hosts import Host
from fleet.model import Fleet
from fleet.secret_kinds.kind import Kind, Wrong


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


def _wrong_bbb(value: str | None) -> Wrong | None:
    remedy = f"put the output of `{BBB.make}` there"
    if value is None:
        return "is not set", remedy
    # bbb-conf puts the secret into files by sed, and breaks at other characters.
    if not re.fullmatch(r"[A-Za-z0-9]{32,128}", value):
        return "is not 32 to 128 letters and digits", remedy
    return None


def _wrong_balancer(value: str | None) -> Wrong | None:
    remedy = "put the secret of the balancer's own interface there"
    if value is None:
        return "is not set", remedy
    if not re.fullmatch(r"[!-~]{20,}", value):
        return "is not 20 or more characters, none of them a space", remedy
    return None


# The secret of a node's API, as it should be: what a node has now stays on the node.
BBB = Kind("BBB_SECRET_", _nodes, _wrong_bbb, make="openssl rand -hex 32")

# What a node shares with TURN servers elsewhere. A node with a server of its own makes one itself.
TURN = Kind("TURN_SECRET_", _turn, _wrong_bbb, make="openssl rand -hex 32")

# The secret of a balancer's own interface.
BALANCER = Kind("BALANCER_SECRET_", _balancers, _wrong_balancer, make="openssl rand -hex 32")

# The passwords of Scalelite's database and Redis follow from this, and the key of its Rails.
SCALELITE = Kind("SCALELITE_KEY_", _scalelites, _wrong_bbb, make="openssl rand -hex 32")
