"""What is watched: the hosts that monitoring asks, and what each of them has to tell."""

from collections.abc import Iterator
from dataclasses import dataclass

from fleet.hosts import Host
from fleet.model import Fleet


@dataclass(frozen=True)
class Look:
    """A program on a host says by this metric when it last looked; an older time is old."""

    host: str
    metric: str
    seconds: int


def watched(fleet: Fleet, role: str = "") -> list[Host]:
    """The hosts in the VPN that have had a first run: before it a host is new, and not down.

    role: only those with this role
    In the order of names, so that another order in the file changes nothing.
    """
    known = fleet.vpn_keys.load()
    found = [
        host
        for host in fleet.hosts_in_vpn()
        if host.name in known and (not role or role in host.roles)
    ]
    return sorted(found, key=lambda host: host.name)


def known_by(host: Host) -> dict[str, str]:
    """The labels of what is asked of the host. Dashboards of others go by instance, we by host."""
    return {"host": host.name, "instance": host.name, "environment": host.environment}


def looks(fleet: Fleet) -> Iterator[Look]:
    """What programs of all watched hosts have to tell."""
    for host in watched(fleet):
        for group in host.groups:
            for metric, seconds in fleet.group(group).looks.items():
                yield Look(host.name, metric, seconds)
