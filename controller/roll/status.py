"""What each node of a run is, and what waits there: a look that writes nothing anywhere."""

from collections.abc import Iterator
from typing import Any

import click
from pyinfra import host, state

from controller.balancers.interface import Balancer, BalancerError, Server
from controller.command_line import Ended
from controller.roll import sent, wishes, words
from controller.roll.answers import Look
from controller.roll.node import HostNode
from controller.roll.steps import NodeError
from controller.this_run import hosts_of_run, secrets, this_fleet
from engine.terminal import printable
from fleet.bbb import Bbb

_found: dict[str, Look | str | None] = {}


def report() -> None:
    """Look at the present host; after the last one, print what all nodes are.

    Raises Ended then: with status 1 if a node could not be read.
    """
    record = this_fleet().host(host.name).bbb
    _found[host.name] = _look(host, record) if record else None
    if _found.keys() < {each.name for each in state.activated_hosts}:
        return
    nodes = wishes.nodes_in(this_fleet(), hosts_of_run())
    servers = _servers(nodes)
    unread = False
    for each, bbb in nodes:
        found = _found.get(each.name) or "cannot be reached (docs/bbb-node-down.md)"
        unread |= isinstance(found, str)
        for line in lines(each.name, bbb, found, servers.get(bbb.balancer or "")):
            click.echo(printable(line))
    if not nodes:
        click.echo("no host of this run is a node of BigBlueButton")
    raise Ended(1 if unread or not nodes else 0)


def _look(at: Any, bbb: Bbb) -> Look | str:
    try:
        return HostNode(at, bbb.public.ipv4, bbb.hostname, "", {}).look_from_afar(sent.program())
    except NodeError as error:
        return str(error)


def _servers(nodes: list[wishes.Node]) -> dict[str, dict[str, Server] | str]:
    """By balancer, what it says of its servers, or why it says nothing."""
    found: dict[str, dict[str, Server] | str] = {}
    try:
        balancers = wishes.balancers_of(this_fleet(), nodes, secrets())
    except wishes.Unfit as error:
        return {bbb.balancer: str(error) for _, bbb in nodes if bbb.balancer}
    for name, it in balancers.items():
        found[name] = _list(it)
    return found


def _list(balancer: Balancer) -> dict[str, Server] | str:
    try:
        return balancer.list()
    except BalancerError as error:
        return str(error)


def lines(
    name: str, bbb: Bbb, found: Look | str, servers: dict[str, Server] | str | None
) -> Iterator[str]:
    """What a person reads of a node: one line of what waits, and below that how the node is."""
    if isinstance(found, str):
        yield f"{name}: {found}"
        return
    waits = words.waits(name, found)
    yield waits or f"{name}: {_release(found, bbb)}; {words.people(found.meetings)}"
    yield f"  is {found.release or 'bare'}, wanted {bbb.release} {bbb.wanted}; gate {found.gate}"
    if bbb.balancer:
        yield f"  {bbb.balancer}: {_server(bbb, servers)}"
    if found.window:
        yield f"  window: at the step {found.window.step}, for {', '.join(found.window.reason)}"
    yield from (f"  {it}" for it in _wrong(found))


def _release(look: Look, bbb: Bbb) -> str:
    if look.wanted is None:
        return "nothing is staged here yet"
    return "nothing waits" if look.wanted == bbb.release else f"{look.wanted} is staged"


def _server(bbb: Bbb, servers: dict[str, Server] | str | None) -> str:
    if not isinstance(servers, dict):
        return servers or "was not asked"
    server = servers.get(bbb.hostname)
    if server is None:
        return "does not know the node"
    seen = "online" if server.online else "not online"
    tag = f", tag {server.tag}" if server.tag else ""
    return f"{server.state}, {seen}, weight {server.weight:g}{tag}"


def _wrong(look: Look) -> Iterator[str]:
    if look.dpkg:
        yield f"packages that are not whole: {', '.join(look.dpkg)}"
    for unit, it in sorted(look.units.items()):
        if it.active != "active":
            yield f"{unit} is {it.active}"
    other = [path for path, it in sorted(look.places.items()) if it == "other"]
    if other and look.wanted:
        yield f"another API secret: {', '.join(other)}"
    if left := words.left(look):
        yield left
    yield from (f"drift: {it}" for it in look.drift)
