"""Where a host can be reached from the operator's machine."""

import socket
from contextlib import suppress
from ipaddress import ip_address, ip_network

from fleet.hosts import Host
from fleet.model import Fleet

SECONDS = 5.0


def is_open(address: str, port: int) -> bool:
    """Whether something answers at the TCP port, within SECONDS."""
    with suppress(OSError), socket.create_connection((address, port), SECONDS):
        return True
    return False


def is_in_vpn(fleet: Fleet) -> bool:
    """Whether this machine has a way into the VPN: it would send from an address of it."""
    hosts = fleet.hosts_in_vpn()
    if not hosts or not hosts[0].vpn:
        return False
    # To connect a datagram socket sends nothing, and chooses the source: udp(7).
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((hosts[0].vpn.addresses[0], 9))
        except OSError:
            return False
        source = ip_address(probe.getsockname()[0])
    return any(source in ip_network(prefix) for prefix in fleet.vpn_prefixes())


def address_in_vpn(host: Host) -> str | None:
    """The host's address in the VPN if SSH answers there: on its first day it is not in it yet."""
    if host.vpn and is_open(host.vpn.addresses[0], host.ssh_port):
        return host.vpn.addresses[0]
    return None
