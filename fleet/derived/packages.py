"""The Debian packages that a host needs."""

from fleet.hosts import Host
from fleet.model import Fleet


def packages_of(fleet: Fleet, host: Host) -> set[str]:
    """The packages of all groups that the host belongs to.

    A host with the role offsite gets those of all clients too: its drills need them.
    """
    names = {*host.groups}
    if "offsite" in names:
        names.update(*(client.groups for client in fleet.hosts_with_volume()))
    return {package for name in names for package in fleet.group(name).packages}
