"""What the data wants of the nodes in a run, and what the operator has asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from controller import balancers
from controller.balancers.interface import Balancer, BalancerError
from controller.roll.steps import Wish
from fleet.bbb import Bbb
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.reading.problems import Invalid
from fleet.secret_kinds.bbb import BALANCER, BBB, TURN
from fleet.secrets import Secrets
from fleet.values.durations import parse_duration

POLLS = 5
"""How often a balancer may look at an opened node before it has to have seen the node."""


Node = tuple[Host, Bbb]


class Unfit(Exception):
    """Says what is wrong with what the operator has asked for."""


def nodes_in(fleet: Fleet, names: Sequence[str]) -> list[Node]:
    """The nodes among these hosts, in the order of the data."""
    return [(it, it.bbb) for it in fleet.hosts.values() if it.bbb and it.name in names]


@dataclass(frozen=True)
class Asked:
    """What the operator has asked for. patience: in seconds; force: a node's name, or None"""

    patience: int
    force: str | None


def asked(fleet: Fleet, nodes: Sequence[Node], patience: Any, force: Any) -> Asked:
    """What `--data patience=` and `--data bbb_force=` say; None for what is not given.

    Raises Unfit.
    """
    return Asked(_patience(fleet, patience), _forced(nodes, force))


def _patience(fleet: Fleet, given: Any) -> int:
    if given is None:
        return fleet.bbb.patience
    try:
        return parse_duration(given)
    except Invalid as error:
        raise Unfit(f"--data patience={str(given)[:40]}: {error}") from None


def _forced(nodes: Sequence[Node], given: Any) -> str | None:
    """One name of a node that is in the run, as a whole: a pattern may mean more than one sees."""
    if given is None:
        return None
    for host, bbb in nodes:
        if host.name == given:
            if bbb.wanted != "serving":
                raise Unfit(f"bbb_force: {given} is to be {bbb.wanted}, which cuts nobody")
            return host.name
    names = ", ".join(host.name for host, _ in nodes)
    raise Unfit(f"bbb_force={str(given)[:40]} is not the name of a node in this run: {names}")


def wish(fleet: Fleet, node: Node, secrets: Secrets, asked: Asked) -> Wish:
    """What the data wants of the node."""
    host, bbb = node
    balancer = fleet.bbb.balancers[bbb.balancer] if bbb.balancer else None
    return Wish(
        name=host.name,
        hostname=bbb.hostname,
        wanted=bbb.wanted,
        secret=secrets.get(BBB.of(host.name)) or "",
        weight=float(bbb.weight),
        tag=bbb.tag or "",
        min_serving=balancer.min_serving if balancer else 0,
        patience=asked.patience,
        look=fleet.bbb.look,
        change=fleet.bbb.change,
        online=POLLS * fleet.bbb.poll,
        force=asked.force == host.name,
    )


def turn_secret(node: Node, secrets: Secrets) -> str | None:
    """What the node shares with TURN servers elsewhere; None if it has a server of its own."""
    host, bbb = node
    return None if bbb.turn == "local" else secrets.get(TURN.of(host.name))


def balancers_of(fleet: Fleet, nodes: Sequence[Node], secrets: Secrets) -> dict[str, Balancer]:
    """The balancers of these nodes, by name, and all others that can be asked. Raises Unfit."""
    needed = {bbb.balancer for _, bbb in nodes if bbb.balancer}
    found = {}
    for name, data in fleet.bbb.balancers.items():
        secret = secrets.get(BALANCER.of(name)) or ""
        if name not in needed and data.driver == "scalelite" and not secret:
            continue
        try:
            found[name] = balancers.balancer(name, data.driver, data.url, secret)
        except BalancerError as error:
            raise Unfit(f"group_data/bbb.py: balancers: {name}: {error}") from None
    return found
