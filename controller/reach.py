"""Where a host can be reached from the operator's machine."""

import socket
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from fleet.derived.vpn import is_inside
from fleet.hosts import Host
from fleet.model import Fleet

SECONDS = 5.0
# Nobody has this address (RFC 5737), so the way to it is the default route.
ELSEWHERE = "192.0.2.1"

End = tuple[str, int]
"""An address and a TCP port."""


def is_open(address: str, port: int) -> bool:
    """Whether something answers at the TCP port, within SECONDS."""
    with suppress(OSError), socket.create_connection((address, port), SECONDS):
        return True
    return False


def that_answer(ends: Collection[End]) -> set[End]:
    """The ends at which something answers. Tries all at once, so it takes SECONDS at most."""
    if not ends:
        return set()
    with ThreadPoolExecutor(max_workers=len(ends)) as pool:
        answers = pool.map(lambda end: is_open(*end), ends)
        return {end for end, answer in zip(ends, answers, strict=True) if answer}


def source_to(address: str) -> str | None:
    """This machine's own address on its way to that address; None if there is no way."""
    # Connecting a datagram socket sends nothing, but chooses the source address: udp(7).
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return None
        source: str = probe.getsockname()[0]
    return source


def address_here(fleet: Fleet) -> str | None:
    """This machine's own address in the VPN; None if the machine is not in the VPN."""
    hosts = fleet.hosts_in_vpn()
    source = source_to(hosts[0].vpn.addresses[0]) if hosts and hosts[0].vpn else None
    return source if source and is_inside(fleet, source) else None


def tunnel_to(host: Host) -> str | None:
    """This machine's own address in its tunnel to the host; None without a tunnel.

    A tunnel counts even if the data does not have its address any more.
    """
    source = source_to(host.vpn.addresses[0]) if host.vpn else None
    return None if source in (source_to(host.address), source_to(ELSEWHERE)) else source


def address_in_vpn(host: Host) -> str | None:
    """The host's address in the VPN; None if SSH does not answer there, as on day zero."""
    if host.vpn and is_open(host.vpn.addresses[0], host.ssh_port):
        return host.vpn.addresses[0]
    return None
