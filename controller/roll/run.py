"""A roll as a run of pyinfra: which nodes, what waits, a question to the operator, the nodes.

It all happens while pyinfra reads bbb_roll.py, in the last host's turn, so that the nodes go one
after the other. The connections to the others stay open meanwhile: controller.connection.tune has
them say something every 15 s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
from pyinfra import host, logger, state

from controller.balancers.interface import Balancer, BalancerError
from controller.command_line import Ended, only_reads
from controller.roll import lease, wishes, words
from controller.roll.cordon import Cordon
from controller.roll.machine import Roll
from controller.roll.node import HostNode
from controller.roll.plan import plan
from controller.roll.rolling import Turn
from controller.roll.rolling import roll as roll_all
from controller.roll.steps import NodeError, Outcome, RealClock, Result, Wish
from controller.this_run import hosts_of_run, secrets, this_fleet
from engine.terminal import printable
from fleet.derived.bbb import is_left_alone
from fleet.hosts import Host
from fleet.model import Fleet

Wanted = Callable[[Fleet, Host, str | None], str]
"""What a host's wanted.json should say: of the fleet, the host, and its secret for TURN."""

_arrived: set[str] = set()


@dataclass(frozen=True)
class Case:
    """A node of the run.

    host: pyinfra's; None if it cannot be reached; staged: what its wanted.json should say
    others: the balancers that should not know the node
    ssh: the port of SSH, if it is open within the VPN alone; 0 otherwise
    """

    wish: Wish
    address: str
    host: Any
    balancer: Balancer | None
    staged: str
    others: tuple[Balancer, ...] = ()
    ssh: int = 0


def roll(wanted: Wanted) -> None:
    """Note that the present host is there; after the last host, roll the nodes.

    Raises Ended then: with status 0 if all that waited is done, 1 if a node failed or the roll was
    refused, 2 if nodes were busy. In a dry run it says what waits, and touches nothing.
    """
    _arrived.add(host.name)
    if _arrived < {each.name for each in state.activated_hosts}:
        return
    try:
        cases = _cases(this_fleet(), wanted)
    except wishes.Unfit as error:
        raise _refused(str(error)) from None
    if not cases:
        raise _refused("no host of this run is a node of BigBlueButton that is changed by rolls")
    is_needed = [_tell_plan(case) for case in cases]
    if only_reads() or (any(is_needed) and not _is_confirmed()):
        logger.info("--> Nothing was touched")
        raise Ended(0 if only_reads() else 1)
    holder = lease.holder()
    ending = roll_all([Turn(case.wish.name, partial(_take, case, holder)) for case in cases])
    logger.info("--> Summary:")
    for line in ending.lines:
        logger.info(printable(line))
    logger.info(f"--> Exit status {ending.status}")
    raise Ended(ending.status)


def _cases(fleet: Fleet, wanted: Wanted) -> list[Case]:
    """Raises Unfit."""
    nodes = [
        (each, bbb)
        for each, bbb in wishes.nodes_in(fleet, hosts_of_run())
        if not is_left_alone(fleet, each)
    ]
    data = host.data
    asked = wishes.asked(fleet, nodes, data.get("patience"), data.get("bbb_force"))
    balancers = wishes.balancers_of(fleet, nodes, secrets())
    reached = {each.name: each for each in state.activated_hosts}
    return [
        Case(
            wishes.wish(fleet, node, secrets(), asked),
            node[1].public.ipv4,
            reached.get(node[0].name),
            balancers[node[1].balancer] if node[1].balancer else None,
            wanted(fleet, node[0], wishes.turn_secret(node, secrets())),
            tuple(it for name, it in balancers.items() if name != node[1].balancer),
            node[0].ssh_port if node[0].only_by_vpn else 0,
        )
        for node in nodes
    ]


def _refused(why: str) -> Ended:
    logger.error(printable(f"--> Refused, and nothing was touched: {why}"))
    return Ended(1)


def _tell_plan(case: Case) -> bool:
    """Say what waits on the node; returns whether a window would open. Changes nothing."""
    name = case.wish.name
    if case.host is None:
        logger.info(f"{name}: cannot be reached")
        return False
    try:
        look = HostNode(case.host, case.address, case.wish.hostname, "", {}).look()
        why = words.reasons(look)
        if not look.window:
            why = plan(look, Cordon(case.balancer, case.wish, _silent), case.wish)
    except (NodeError, BalancerError) as error:
        logger.warning(printable(f"{name}: {error}"))
        return True
    waits = f"{', '.join(why) or 'nothing waits'}; {words.people(look.meetings)}"
    window = f"; a window is open, at the step {look.window.step}" if look.window else ""
    logger.info(f"{name}: {waits}{window}")
    if case.wish.force and look.meetings.meetings:
        for it in look.meetings.meetings:
            logger.warning(f"{name}: would be cut: {words.named(it, look.meetings.meetings)}")
    return bool(why or look.window)


def _silent(text: str) -> None: ...


def _is_confirmed() -> bool:
    """Whether the operator wants the windows to open: as before any run, -y says so beforehand."""
    if not state.check_for_changes:
        return True
    try:
        return click.prompt("Press enter to open the windows", default="", show_default=False) == ""
    except click.Abort:
        return False


def _take(case: Case, holder: str) -> Result:
    """The node's turn."""
    wish = case.wish
    if case.host is None:
        if wish.wanted == "serving":
            return Result(Outcome.FAILED, "cannot be reached (docs/bbb-node-down.md)")
        return Result(Outcome.NOTHING, f"cannot be reached, and is {wish.wanted} anyway")

    def say(text: str) -> None:
        case.host.log(printable(text))

    staged = {"wanted.json": case.staged, "secret": wish.secret}
    node = HostNode(case.host, case.address, wish.hostname, holder, staged, ssh=case.ssh)
    try:
        node.take(say)
        return Roll(node, case.balancer, wish, RealClock(), say, others=case.others).run()
    except NodeError as error:
        return Result(Outcome.FAILED, str(error))
    finally:
        node.let_go()
