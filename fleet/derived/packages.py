"""The Debian packages that a host needs."""

from fleet.hosts import Host
from fleet.model import Fleet


def packages_of(fleet: Fleet, host: Host) -> set[str]:
    """The packages of all groups that the host belongs to; a group need not have any data.

    A host that keeps copies restores them on trial, with the packages of their clients.
    """
    names = {*host.groups}
    if "offsite" in names:
        names.update(*(client.groups for client in fleet.hosts_with_volume()))
    groups = (getattr(fleet, name, None) for name in names)
    return {package for group in groups if group for package in group.packages}
