"""From where the host's ports are open, and what of the firewall is not as the data says."""

from dataclasses import asdict, dataclass

from controller.audit import Finding
from controller.reach import that_answer
from controller.this_run import this_fleet, this_host
from facts.nftables import TableState
from facts.systemd import UnitsState
from fleet.derived.ports import ports_of
from operations import files
from roles.firewall.parts import outside, undeclared
from roles.firewall.table import is_open
from roles.templates import render


@dataclass(frozen=True)
class Open:
    """A port by the table in force. to: "all", or "vpn" if only the VPN or a part of it gets in."""

    name: str
    port: int
    protocol: str
    to: str


def judge(table: TableState, running: UnitsState, *, file: files.File, unit: str) -> Finding:
    """file: as it should be, for the next boot; unit: the one that loads the file"""
    drift = []
    if not table.live or table.live != table.loaded[0]:
        drift.append("firewall: the table in force is not the wanted one")
    if files.differing([file], table.files):
        drift.append("firewall: the file for the next boot is not the wanted one")
    drift += [f"{it}: not started at boot" for it in running.not_at_boot([unit])]
    seen, ports = _seen(table), [asdict(it) for it in _ports(table.live)]
    text = render(__file__, "audit.md.j2", ports=ports, seen=seen)
    return Finding({"ports": ports, "answers": seen}, text, drift + _holes(table, seen))


def _seen(now: TableState) -> dict[str, list[int]]:
    """By address outside of the VPN, the TCP ports at which something answers this machine.

    Tries each port at which the host listens, whatever the table says.
    """
    numbers = {it.number for it in now.listeners if it.protocol == "tcp"}
    addresses = outside(now)
    answers = that_answer([(address, number) for address in addresses for number in numbers])
    return {it: sorted(number for at, number in answers if at == it) for it in addresses}


def _holes(now: TableState, seen: dict[str, list[int]]) -> list[str]:
    """What answers outside of the VPN and should not, or would if it were not left open."""
    ports = ports_of(this_fleet(), this_host())
    drift = []
    for address, numbers in seen.items():
        for number in numbers:
            port = next((it for it in ports if it.holds("tcp", number)), None)
            if port and port.to != "all":
                drift.append(
                    f"firewall: {port.name} (tcp {number}) answers at {address}, and it is for "
                    f"{port.to} within the VPN"
                )
    if this_host().public == "open":
        return drift
    for it in undeclared(now):
        at = [address for address in seen if it.protocol == "tcp" and it.number in seen[address]]
        if at:
            drift.append(f"firewall: {it} answers at {', '.join(at)}, and nothing opens it")
    return drift


def _ports(table: str) -> list[Open]:
    """From where each of the host's ports can be reached, by the table that is in force."""
    return [
        Open(
            port.name,
            port.number,
            port.protocol,
            "all" if is_open(port, table) else "vpn",
        )
        for port in ports_of(this_fleet(), this_host())
    ]
