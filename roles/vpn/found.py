"""Who has a tunnel to the host, and what of it is not as the data says."""

from dataclasses import asdict, dataclass

from controller.audit import Finding
from facts.systemd import UnitsState
from facts.wireguard import WireGuardState
from operations import wireguard
from operations.systemd import Unit
from roles.templates import render


@dataclass(frozen=True)
class Peer:
    """A peer that has a tunnel to the host, and the peer's prefixes."""

    name: str
    prefixes: list[str]


def judge_member(
    tunnel: WireGuardState,
    running: UnitsState,
    *,
    interface: wireguard.Interface,
    units: list[Unit],
) -> Finding:
    """For a host that is in the VPN."""
    drift = [f"VPN: {it}" for it in wireguard.differences(tunnel.live, interface)]
    if tunnel.config != wireguard.config(interface, hidden=True):
        drift.append("VPN: the file for the next boot is not the wanted one")
    late = running.not_at_boot(unit.name for unit in units)
    drift += [f"{it}: not started at boot" for it in late]
    names = {peer.public_key: peer.name for peer in interface.peers}
    return _finding(tunnel, names, drift)


def judge_stranger(tunnel: WireGuardState) -> Finding:
    """For a host that is not in the VPN."""
    there = "VPN: a tunnel is there, and the data has no vpn for it"
    return _finding(tunnel, {}, [there] if tunnel.live else [])


def _finding(tunnel: WireGuardState, names: dict[str, str], drift: list[str]) -> Finding:
    live = tunnel.live.peers if tunnel.live else {}
    peers = sorted(
        (Peer(names.get(key, "nobody"), sorted(it.allowed_ips)) for key, it in live.items()),
        key=lambda peer: peer.name,
    )
    data = {"peers": [asdict(it) for it in peers]}
    return Finding(data, render(__file__, "audit.md.j2", peers=peers), drift)
