"""Problems that only show between hosts' addresses, in the VPN and outside, and its prefixes."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from itertools import combinations

from fleet.groups.vpn import VpnGroup
from fleet.hosts import Host
from fleet.reading.problems import Problem
from fleet.reading.records import shared_values
from fleet.values.networks import overlap, size, within

GROUP_FILE = "group_data/vpn.py"


def check_vpn(file: str, hosts: Mapping[str, Host], vpn: VpnGroup) -> Iterator[Problem]:
    """Every problem of the hosts in the VPN. hosts: by name"""
    members = {name: host.vpn for name, host in hosts.items() if host.vpn}
    yield from _all_fit(len(members), vpn)
    yield from shared_values(
        file, "vpn.addresses", {name: it.addresses for name, it in members.items()}
    )
    prefixes = [(GROUP_FILE, prefix) for prefix in vpn.servers]
    prefixes += [(name, prefix) for name, it in members.items() for prefix in it.people]
    for (owner, one), (name, other) in combinations(prefixes, 2):
        if overlap(one, other):
            message = f"{other} overlaps with {one} of {owner}"
            remedy = "give the servers, and the people of each hub, prefixes of their own"
            yield Problem(file, name, "vpn.people", message, remedy)
    for name, host in hosts.items():
        if within(host.address, (prefix for _, prefix in prefixes)):
            message = f"{host.address} is an address inside the VPN"
            remedy = "write the one by which other hosts reach it without the VPN"
            yield Problem(file, name, "address", message, remedy)
    for name, it in members.items():
        for address in it.addresses:
            if not within(address, vpn.servers):
                message = f"{address} is none of the servers' addresses"
                remedy = f"choose one in {' or '.join(vpn.servers)}"
                yield Problem(file, name, "vpn.addresses", message, remedy)


def _all_fit(hosts: int, vpn: VpnGroup) -> Iterator[Problem]:
    """A problem if the VPN has more hosts than a prefix has addresses.

    No field of a host shows this: a person who adds a host would only find no free address.
    """
    for prefix in vpn.servers:
        if hosts > size(prefix):
            wider = ip_network(prefix)
            while size(str(wider)) < hosts:
                wider = wider.supernet()
            message = f"{prefix} has {size(prefix)} addresses, and {hosts} hosts are in the VPN"
            remedy = (
                f"write a prefix of /{wider.prefixlen} or wider, which holds the hosts' addresses "
                "and overlaps with no hub's people"
            )
            yield Problem(GROUP_FILE, "servers", "", message, remedy)
