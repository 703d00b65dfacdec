"""Who has a tunnel to the host, from where its ports are open, and what is not as the data says."""

from dataclasses import asdict, dataclass

from controller.audit import Finding
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
    return _finding(tunnel, table, names, drift)


def judge_stranger(tunnel: WireGuardState, table: TableState) -> Finding:
    """For a host that is not in the VPN."""
    there = "VPN: a tunnel or its firewall is there, and the data has no vpn for it"
    return _finding(tunnel, table, {}, [there] if tunnel.live or table.live else [])


def _finding(
    tunnel: WireGuardState, table: TableState, names: dict[str, str], drift: list[str]
) -> Finding:
    live = tunnel.live.peers if tunnel.live else {}
    peers = sorted(
        (Peer(names.get(key, "nobody"), sorted(it.allowed_ips)) for key, it in live.items()),
        key=lambda peer: peer.name,
    )
    ports = _ports(table.live)
    data = {"ports": [asdict(it) for it in ports], "peers": [asdict(it) for it in peers]}
    return Finding(data, render(__file__, "audit.md.j2", ports=ports, peers=peers), drift)


def _ports(table: str) -> list[Open]:
    """From where each of the host's ports can be reached, by the table that is in force."""
    return [
        Open(
            port.name,
            port.number,
            port.protocol,
            "vpn" if f"{port.protocol} dport {port.number} drop" in table else "all",
        )
        for port in ports_of(this_fleet(), this_host())
    ]
