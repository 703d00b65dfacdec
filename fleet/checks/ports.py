"""Problems that only show between the ports that a host opens."""

from collections.abc import Iterator

from fleet.derived.ports import ports_of
from fleet.model import Fleet
from fleet.ports import Port
from fleet.reading.problems import Problem, shown_path


def check_ports(fleet: Fleet) -> Iterator[Problem]:
    """Ports that two services of a host want, and ports for the VPN on a host that is not in it."""
    file = shown_path(fleet.file)
    for name, host in fleet.hosts.items():
        taken: dict[tuple[int, str], Port] = {}
        for port in ports_of(fleet, host):
            first = taken.setdefault((port.number, port.protocol), port)
            if first is not port:
                message = f"{port.name} and {first.name} both want {port.protocol} {port.number}"
                remedy = "give the roles to two hosts, or SSH another port in ssh.port"
                yield Problem(file, name, "roles", message, remedy)
            if port.to != "all" and host.vpn is None:
                message = f"{port.name} is open to the VPN alone, and the host is not in it"
                yield Problem(file, name, "vpn", message, "add vpn: with addresses")
