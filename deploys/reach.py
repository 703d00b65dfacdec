"""Where a host can be reached from the operator's machine."""

import socket
from contextlib import suppress

from fleet.hosts import Host
from fleet.model import Fleet

SECONDS = 5.0


def is_open(address: str, port: int) -> bool:
    """Whether something answers at the TCP port, within SECONDS."""
    with suppress(OSError), socket.create_connection((address, port), SECONDS):
        return True
    return False


def address_here(fleet: Fleet) -> str | None:
    """The address from which this machine would send into the VPN; None if it is not in it."""
    hosts = fleet.hosts_in_vpn()
    if not hosts or not hosts[0].vpn:
        return None
    # To connect a datagram socket sends nothing, and chooses the source: udp(7).
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((hosts[0].vpn.addresses[0], 9))
        except OSError:
            return None
        source: str = probe.getsockname()[0]
    return source if fleet.is_in_vpn(source) else None


def address_in_vpn(host: Host) -> str | None:
    """The host's address in the VPN if SSH answers there: on its first day it is not in it yet."""
    if host.vpn and is_open(host.vpn.addresses[0], host.ssh_port):
        return host.vpn.addresses[0]
    return None
