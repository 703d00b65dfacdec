"""The proof of a change: the operator gets in, and what is closed does not answer."""

from collections.abc import Collection

from controller.connection import log_in_anew
from controller.reach import that_answer
from controller.this_run import this_host
from facts.nftables import TableState
from roles.access import operator
from roles.firewall.parts import PUBLIC, closed_ports, undeclared


def prove(names: Collection[str], now: TableState) -> None:
    """Raises an exception unless the operator gets in, and the closed ports do not answer.

    names: of the parts that the table has; now: the host before the change
    """
    here, closed = this_host(), closed_ports(names)
    by_vpn = here.vpn if any(port.name == "SSH" for port in closed) else None
    log_in_anew(operator(), by_vpn.addresses[0] if by_vpn else None)
    shut = {port.number: port.name for port in closed if port.protocol == "tcp"}
    if PUBLIC in names:
        tcp = (it for it in undeclared(now) if it.protocol == "tcp")
        shut.update({it.number: it.program or "a service" for it in tcp})
    for address, number in sorted(that_answer([(here.address, it) for it in shut])):
        raise ConnectionError(f"{shut[number]}: port {number} at {address} is still open")
