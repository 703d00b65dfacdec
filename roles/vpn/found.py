"""Who has a tunnel to the host, from where its ports are open, and what is not as the data says."""

from dataclasses import asdict, dataclass

from controller.audit import Finding
from controller.reach import that_answer
from controller.this_run import this_fleet, this_host
from facts.nftables import TableState
from facts.systemd import UnitsState
from facts.wireguard import WireGuardState
from fleet.derived.ports import ports_of
from operations import files, wireguard
from operations.systemd import Unit
from roles.templates import render
from roles.vpn import firewall


@dataclass(frozen=True)
class Peer:
    """A peer that has a tunnel to the host, and the peer's prefixes."""

    name: str
    prefixes: list[str]


@dataclass(frozen=True)
class Open:
    """A port by the table in force. to: "all", or "vpn" if only the VPN or a part of it gets in."""

    name: str
    port: int
    protocol: str
    to: str


def judge_member(
    tunnel: WireGuardState,
    table: TableState,
    running: UnitsState,
    *,
    interface: wireguard.Interface,
    text: str,
    units: list[Unit],
) -> Finding:
    """For a host that is in the VPN. text: of the table that should be in force"""
    drift = [f"VPN: {it}" for it in wireguard.differences(tunnel.live, interface)]
    if tunnel.config != wireguard.config(interface, hidden=True):
        drift.append("VPN: the file for the next boot is not the wanted one")
    if not table.live or table.live != table.loaded[0]:
        drift.append("firewall: the table in force is not the wanted one")
    if files.differing([files.File(firewall.FILE, text)], table.files):
        drift.append("firewall: the file for the next boot is not the wanted one")
    for unit in units:
        if unit.name not in running.units or running.units[unit.name].file != "enabled":
            drift.append(f"{unit.name}: not started at boot")
    names = {peer.public_key: peer.name for peer in interface.peers}
    seen = _seen(table)
    return _finding(tunnel, table, names, drift + _holes(table, seen), seen)


def judge_stranger(tunnel: WireGuardState, table: TableState) -> Finding:
    """For a host that is not in the VPN."""
    there = "VPN: a tunnel or its firewall is there, and the data has no vpn for it"
    return _finding(tunnel, table, {}, [there] if tunnel.live or table.live else [])


def _finding(
    tunnel: WireGuardState,
    table: TableState,
    names: dict[str, str],
    drift: list[str],
    seen: dict[str, list[int]] | None = None,
) -> Finding:
    live = tunnel.live.peers if tunnel.live else {}
    peers = sorted(
        (Peer(names.get(key, "nobody"), sorted(it.allowed_ips)) for key, it in live.items()),
        key=lambda peer: peer.name,
    )
    ports = _ports(table.live)
    data = {
        "ports": [asdict(it) for it in ports],
        "peers": [asdict(it) for it in peers],
        "answers": seen or {},
    }
    text = render(__file__, "audit.md.j2", ports=ports, peers=peers, seen=seen)
    return Finding(data, text, drift)


def _seen(now: TableState) -> dict[str, list[int]]:
    """By address outside of the VPN, the TCP ports at which something answers this machine.

    Tries each port at which the host listens, whatever the table says.
    """
    numbers = {it.number for it in now.listeners if it.protocol == "tcp"}
    addresses = firewall.outside(now)
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
    for it in firewall.undeclared(now):
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
            "all" if firewall.is_open(port, table) else "vpn",
        )
        for port in ports_of(this_fleet(), this_host())
    ]
