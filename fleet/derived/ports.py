"""What a host opens to the network, and to whom."""

from fleet.hosts import Host
from fleet.model import Fleet
from fleet.ports import Port


def ports_of(fleet: Fleet, host: Host) -> list[Port]:
    """All open ports: SSH first, then those of each group that the host belongs to."""
    ssh = Port("SSH", host.ssh_port, to="vpn" if host.only_by_vpn else "all")
    return [ssh, *(port for group in host.groups for port in fleet.group(group).ports)]
