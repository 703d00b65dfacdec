"""Problems that only show between the certificates of hosts, or with the ports that hosts open."""

from collections.abc import Iterator

from fleet.derived.ports import ports_of
from fleet.model import Fleet
from fleet.reading.problems import Problem, shown_path
from fleet.reading.records import shared_values


def check_certificates(fleet: Fleet) -> Iterator[Problem]:
    """Every problem with the certificates that the hosts of this fleet show.

    Finds a name of two hosts, and a port that is closed to those who have to reach it.
    """
    file = shown_path(fleet.file)
    certified = {name: host for name, host in fleet.hosts.items() if host.shows}
    names = {name: [host.shows.name] for name, host in certified.items() if host.shows}
    yield from shared_values(file, "certificate.name", names)
    for name, host in certified.items():
        ports = [it for it in ports_of(fleet, host) if it.to == "all"]
        needed = {443: "visitors come there"}
        if host.shows and host.shows.source == "acme":
            needed[80] = "the ACME server looks there, RFC 8555, 8.3"
        for number, why in needed.items():
            if not any(it.holds("tcp", number) for it in ports):
                message = f"tcp {number} is not open to all, and {why}"
                remedy = f"add {{port: {number}, to: all, reason: ...}} to ports"
                yield Problem(file, name, "ports", message, remedy)
