"""The Debian packages that a host needs."""

from fleet.hosts import Host
from fleet.model import Fleet


def packages_of(fleet: Fleet, host: Host) -> set[str]:
    """The packages of all groups that the host belongs to.

    A host that keeps copies restores them on trial, with the packages of their clients.
    """
    names = {*host.groups}
    if "offsite" in names:
        names.update(*(client.groups for client in fleet.hosts_with_volume()))
    return {package for name in names for package in fleet.group(name).packages}
