"""What a host opens to the network, and to whom."""

from fleet.hosts import Host
from fleet.model import Fleet
from fleet.ports import Port


def ports_of(fleet: Fleet, host: Host) -> list[Port]:
    """All open ports: SSH first, then those of each group of the host, then those by hand."""
    ssh = Port("SSH", host.ssh_port, to="vpn" if host.only_by_vpn else "all")
    of_groups = (port for group in host.groups for port in fleet.group(group).ports)
    return [ssh, *of_groups, *(it.as_port() for it in host.ports)]
