"""Problems that only show between people, or between people and hosts."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from fleet.derived.access import is_usable_admin
from fleet.derived.vpn import addresses_at
from fleet.groups import GROUPS
from fleet.hosts import Host
from fleet.people import Person
from fleet.reading.problems import Problem
from fleet.reading.records import shared_values
from fleet.secret_kinds.vpn import PRESHARED
from fleet.values.keys import without_comment


def check_people(file: str, people: Mapping[str, Person]) -> Iterator[Problem]:
    """Every problem between the people. people: by name"""
    # If two people had one key, no log could say who came, and the key would outlive either record.
    keys = {name: [without_comment(key.key) for key in it.ssh_keys] for name, it in people.items()}
    yield from shared_values(file, "ssh_keys", keys)
    vpn = {name: it.vpn for name, it in people.items() if it.vpn}
    public_keys = {name: [it.public_key] for name, it in vpn.items()}
    yield from shared_values(file, "vpn.public_key", public_keys)
    addresses = {name: it.addresses for name, it in vpn.items()}
    yield from shared_values(file, "vpn.addresses", addresses)
    secrets = {name: [PRESHARED.of(name)] for name, it in people.items()}
    yield from shared_values(file, "name", secrets)


def check_access(
    file: str, people: Mapping[str, Person], hosts: Mapping[str, Host], now: datetime
) -> Iterator[Problem]:
    """Every problem between the people and the hosts, by name. All of these are valid records.

    Finds access to nothing, addresses of no hub, and hosts that nobody could administer.
    """
    for person in people.values():
        yield from _known_places(file, person, hosts)
        yield from _addresses_of_hubs(file, person, hosts)
    for host in hosts.values():
        if host.only_by_vpn:
            yield from _inside(file, host, people.values(), now)
        if not any(is_usable_admin(person, host, now) for person in people.values()):
            message = f"nobody may administer {host.name} with an SSH key that is valid today"
            remedy = f"give somebody the access {host.name}: admin, or all: admin"
            yield Problem(file, "people", "access", message, remedy)


def _inside(file: str, host: Host, people: Iterable[Person], now: datetime) -> Iterator[Problem]:
    """A problem if SSH is open from within the VPN alone, and no admin is in the VPN."""
    if not any(person.vpn and is_usable_admin(person, host, now) for person in people):
        message = f"the VPN is the only way into {host.name}, and none of its admins is in the VPN"
        yield Problem(file, "people", "vpn", message, "give one of them vpn: key and addresses")


def _known_places(file: str, person: Person, hosts: Mapping[str, Host]) -> Iterator[Problem]:
    known = (*GROUPS, *hosts)
    for place in person.access:
        if place not in known:
            message = "there is no host and no group of that name"
            remedy = f"write one of {', '.join(known)}"
            yield Problem(file, person.name, f"access.{place}", message, remedy)


def _addresses_of_hubs(file: str, person: Person, hosts: Mapping[str, Host]) -> Iterator[Problem]:
    """A problem unless the person has one IPv4 and one IPv6 address at each hub, or none there."""
    if person.vpn is None:
        return
    left = set(person.vpn.addresses)
    for hub in hosts.values():
        own = addresses_at(hub, person)
        left -= set(own)
        if own and sorted(":" in address for address in own) != [False, True]:
            message = f"{', '.join(own)} is not one IPv4 and one IPv6 address at {hub.name}"
            yield Problem(file, person.name, "vpn.addresses", message, "write one of each")
    for address in sorted(left):
        message = f"{address} is in no hub's prefixes for people"
        hubs = [
            f"{it.name} has {' and '.join(it.vpn.people)}"
            for it in hosts.values()
            if it.vpn and it.vpn.people
        ]
        remedy = (
            f"choose a free one: {'; '.join(hubs)}" if hubs else "give a host the role hub first"
        )
        yield Problem(file, person.name, "vpn.addresses", message, remedy)
