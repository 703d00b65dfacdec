"""Where a host can be reached from the operator's machine."""

import socket
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from fleet.derived.vpn import is_inside
from fleet.hosts import Host
from fleet.model import Fleet

SECONDS = 5.0
# An address that is nobody's: RFC 5737.
ELSEWHERE = "192.0.2.1"

End = tuple[str, int]
"""An address and a TCP port."""


def is_open(address: str, port: int) -> bool:
    """Whether something answers at the TCP port, within SECONDS."""
    with suppress(OSError), socket.create_connection((address, port), SECONDS):
        return True
    return False


def that_answer(ends: Collection[End]) -> set[End]:
    """Those at which something answers, all tried at once: however many are silent, SECONDS."""
    if not ends:
        return set()
    with ThreadPoolExecutor(max_workers=len(ends)) as pool:
        answers = pool.map(lambda end: is_open(*end), ends)
        return {end for end, answer in zip(ends, answers, strict=True) if answer}


def source_to(address: str) -> str | None:
    """The address from which this machine would send there; None if it has no way."""
    # To connect a datagram socket sends nothing, and chooses the source: udp(7).
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return None
        source: str = probe.getsockname()[0]
    return source


def address_here(fleet: Fleet) -> str | None:
    """The address from which this machine would send into the VPN; None if it is not in it."""
    hosts = fleet.hosts_in_vpn()
    source = source_to(hosts[0].vpn.addresses[0]) if hosts and hosts[0].vpn else None
    return source if source and is_inside(fleet, source) else None


def tunnel_to(host: Host) -> str | None:
    """The address of this machine's tunnel to the host's address in the VPN; None without one.

    Whatever the data says of that address now.
    """
    source = source_to(host.vpn.addresses[0]) if host.vpn else None
    return None if source in (source_to(host.address), source_to(ELSEWHERE)) else source


def address_in_vpn(host: Host) -> str | None:
    """The host's address in the VPN if SSH answers there: on its first day it is not in it yet."""
    if host.vpn and is_open(host.vpn.addresses[0], host.ssh_port):
        return host.vpn.addresses[0]
    return None
