"""The Debian packages that a host needs."""

from fleet.hosts import Host
from fleet.model import Fleet


def packages_of(fleet: Fleet, host: Host) -> set[str]:
    """The packages of all groups that the host belongs to.

    A host with the role offsite gets those of clients too that its drills need.
    """
    names = {*host.groups}
    if "offsite" in names:
        clients = (group for client in fleet.hosts_with_volume() for group in client.groups)
        names.update(group for group in clients if fleet.group(group).in_drills)
    return {package for name in names for package in fleet.group(name).packages}
