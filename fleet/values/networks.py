"""IP prefixes, and addresses within them."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network
from typing import Annotated

from pydantic import AfterValidator

from fleet.reading.problems import Invalid, shown
from fleet.values.fields import Address, Text, of_a_host


def _prefix(value: str) -> str:
    remedy = "write one such as 10.66.0.0/24 or fd66:0:0:1::/64"
    try:
        network = ip_network("" if "%" in value else value, strict=False)
    except ValueError:
        raise Invalid(f"{shown(value)} is not an IP prefix", remedy) from None
    if network.prefixlen:
        try:
            of_a_host(network.network_address)
            of_a_host(network.broadcast_address)
        except Invalid:
            message = f"{shown(value)} holds addresses that no host has"
            raise Invalid(message, f"{remedy}, and IPv4 in its own form") from None
    if "/" not in value:
        message = f"{shown(value)} has no length"
        raise Invalid(message, f"write {network} for that address alone, or add the right length")
    try:
        ip_network(value)
    except ValueError:
        # sshd takes `from="10.66.0.1/24"` and then lets nobody in.
        raise Invalid(f"{value} has bits beyond its length", f"write {network}") from None
    return str(network)


def _both_versions(values: tuple[str, ...]) -> tuple[str, ...]:
    found = sorted(values, key=lambda value: ip_interface(value).version)
    if [ip_interface(value).version for value in found] != [4, 6]:
        raise Invalid(f"{shown(values)} is not one of IPv4 and one of IPv6", "write one of each")
    return tuple(found)


Prefix = Annotated[Text, AfterValidator(_prefix)]
# One of IPv4 and one of IPv6. Once read, IPv4 comes first.
BothAddresses = Annotated[tuple[Address, ...], AfterValidator(_both_versions)]
BothPrefixes = Annotated[tuple[Prefix, ...], AfterValidator(_both_versions)]


# What belongs to nobody in particular: RFC 1918, RFC 6598, RFC 3927 (where the metadata services of
# providers are), RFC 4193.
NEVER_PUBLIC = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
)


def covers(one: str, other: str) -> bool:
    """Whether each address of the other prefix is in the first one."""
    first, second = ip_network(one), ip_network(other)
    return overlap(one, other) and first.prefixlen <= second.prefixlen


def overlap(one: str, other: str) -> bool:
    """Whether the two prefixes share an address."""
    first, second = ip_network(one), ip_network(other)
    return first.version == second.version and first.overlaps(second)


def bracketed(address: str) -> str:
    """The address as it stands before a port, and in a URL: RFC 3986, 3.2.2."""
    return f"[{address}]" if ":" in address else address


def within(address: str, prefixes: Iterable[str]) -> bool:
    """Whether a host can have the address in one of the prefixes.

    No host can have the first or the last address of an IPv4 prefix, if its length is at most 30.
    """
    return any(_within(address, prefix) for prefix in prefixes)


def size(prefix: str) -> int:
    """How many addresses of the prefix hosts can have: see `within`."""
    network = ip_network(prefix)
    return network.num_addresses - (2 if _has_ends(network) else 0)


def _within(address: str, prefix: str) -> bool:
    network, host = ip_network(prefix), ip_address(address)
    if host not in network:
        return False
    ends = {network.network_address, network.broadcast_address}
    return not _has_ends(network) or host not in ends


def _has_ends(network: IPv4Network | IPv6Network) -> bool:
    return network.version == 4 and network.prefixlen <= 30
