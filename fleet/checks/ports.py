"""Problems that only show between the ports that a host opens."""

from collections.abc import Iterator
from itertools import combinations

from fleet.derived.ports import ports_of
from fleet.groups import GROUPS
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.ports import Port
from fleet.reading.problems import Problem, shown, shown_path

BESIDE_GROUPS = ("all", "people", "vpn")
"""To whom a port may be open beside the other groups. "all" and "vpn" are names of groups too."""


def check_ports(fleet: Fleet) -> Iterator[Problem]:
    """Every problem with the ports that the hosts of this fleet open.

    Finds ports that two services of a host want, ports for the VPN on a host that is not in it, and
    ports for a group that does not exist.
    """
    file = shown_path(fleet.file)
    for name, host in fleet.hosts.items():
        ports = ports_of(fleet, host)
        for first, port in combinations(ports, 2):
            if port.protocol == first.protocol and _overlap(first, port):
                message = f"{port.name} and {first.name} both want {port}"
                remedy = "give the roles to two hosts, or SSH another port in ssh.port"
                field = "roles"
                if number := _by_hand(ports, host, port):
                    field, remedy = f"ports.{number - 1}", "take it out: the port is open already"
                yield Problem(file, name, field, message, remedy)
        for port in ports:
            if port.to != "all" and host.vpn is None:
                message = f"{port.name} is open to the VPN alone, and the host is not in it"
                yield Problem(file, name, "vpn", message, "add vpn: with addresses")
        known = (*BESIDE_GROUPS, *(it for it in GROUPS if it not in BESIDE_GROUPS))
        for number, by_hand in enumerate(host.ports):
            if by_hand.to not in known:
                message = f"{shown(by_hand.to)} is no group of hosts"
                remedy = f"write one of {', '.join(known)}"
                yield Problem(file, name, f"ports.{number}.to", message, remedy)


def _overlap(one: Port, other: Port) -> bool:
    return one.holds(other.protocol, other.number) or other.holds(one.protocol, one.number)


def _by_hand(ports: list[Port], host: Host, port: Port) -> int:
    """The number, from 1, of the port among those by hand; 0 for none of them."""
    before = len(ports) - len(host.ports)
    return max(ports.index(port) - before + 1, 0)
