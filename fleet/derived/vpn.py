"""The VPN that the fleet needs: each host's WireGuard interface and its peers.

The servers are a mesh: each reaches the others at their public addresses. People reach the servers
through a hub, which is a host with the role hub. They have addresses in the `people` of each of
their hubs.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from fleet.derived.ports import ports_of
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.people import Person, is_over
from fleet.values.networks import bracketed, within

# People come to each host through a hub, and a monitor asks each.
_TO_ALL = frozenset({"hub", "monitor"})
# To whom ports are open that say nothing of who comes: fleet/ports.py.
_TO_MANY = frozenset({"all", "people", "vpn"})


@dataclass(frozen=True)
class Peer:
    """One peer, with the fields of wg(8).

    name: the name of the host or the person
    public_key: None as long as no key of the host is stored
    endpoint: "address:port"; None for people, whose address WireGuard learns
    allowed_ips: the peer's own prefixes
    keepalive: seconds; 0 for none
    preshared: whether WireGuard mixes in a secret of .env
    """

    name: str
    public_key: str | None
    endpoint: str | None
    allowed_ips: tuple[str, ...]
    keepalive: int = 0
    preshared: bool = False


def server_peers(fleet: Fleet, host: Host, keys: Mapping[str, str], now: datetime) -> list[Peer]:
    """The peers of the host, in the order of names: the other servers and, on a hub, its people.

    keys: the public keys by host, of the hosts that have one

    The peers are those of the whole fleet, so that a run on a part of the hosts takes none away.
    """
    others = [other for other in fleet.hosts_in_vpn() if other.name != host.name]
    peers = [_server(fleet, other, keys) for other in others]
    if "hub" in host.roles:
        people = [person for person in fleet.people.values() if not is_over(person.expires, now)]
        peers += [peer for person in people if (peer := _person(person, host))]
    return sorted(peers, key=lambda peer: peer.name)


def used_servers(fleet: Fleet, host: Host) -> list[Host]:
    """The servers to which the host has something to say through the VPN, in the order of names.

    All others are its peers too, and whoever told of each tunnel of such a mesh would tell of as
    many as the square of the fleet has.
    """
    own = _open_to(fleet, host)
    found = [
        it
        for it in fleet.hosts_in_vpn()
        if it.name != host.name and (_uses(it, host, own) or _uses(host, it, _open_to(fleet, it)))
    ]
    return sorted(found, key=lambda it: it.name)


def _open_to(fleet: Fleet, server: Host) -> set[str]:
    """The groups of hosts for which the server has a port of their own."""
    return {port.to for port in ports_of(fleet, server)} - _TO_MANY


def _uses(host: Host, server: Host, open_to: Collection[str]) -> bool:
    """Whether the host comes to the server, or the server to all. open_to: by `_open_to`"""
    if not _TO_ALL.isdisjoint(server.roles):
        return True
    if "storage" in server.roles and (host.volume or "offsite" in host.roles):
        return True
    return any(group in open_to for group in host.groups)


def hub_peer(fleet: Fleet, hub: Host, person: Person, keys: Mapping[str, str]) -> Peer:
    """The hub as the person's one peer, through which they reach all servers, also later ones."""
    assert person.vpn is not None
    return Peer(
        name=hub.name,
        public_key=keys.get(hub.name),
        endpoint=_endpoint(fleet, hub),
        allowed_ips=fleet.vpn.servers,
        keepalive=fleet.hub.keepalive_seconds,
        preshared=person.vpn.preshared,
    )


def addresses_at(hub: Host, person: Person) -> tuple[str, ...]:
    """The person's addresses in the prefixes of the hub; none if the person is not its peer."""
    if person.vpn is None or hub.vpn is None:
        return ()
    return tuple(address for address in person.vpn.addresses if within(address, hub.vpn.people))


def prefixes(fleet: Fleet) -> list[str]:
    """Every prefix of the VPN: those of the servers, and those of each hub's people."""
    return [*fleet.vpn.servers, *people_prefixes(fleet)]


def people_prefixes(fleet: Fleet) -> list[str]:
    """The prefixes that hold the addresses of people, of all hubs."""
    return [prefix for host in fleet.hosts_in_vpn() if host.vpn for prefix in host.vpn.people]


def is_inside(fleet: Fleet, address: str) -> bool:
    """Whether the address is one of the VPN; False for a text that is not an address."""
    with suppress(ValueError):
        return within(address, prefixes(fleet))
    return False


def alone(address: str) -> str:
    """The prefix that holds this address and no other."""
    return f"{address}/{ip_address(address).max_prefixlen}"


def _server(fleet: Fleet, host: Host, keys: Mapping[str, str]) -> Peer:
    assert host.vpn is not None
    own = (*map(alone, host.vpn.addresses), *host.vpn.people)
    return Peer(host.name, keys.get(host.name), _endpoint(fleet, host), own)


def _person(person: Person, hub: Host) -> Peer | None:
    own = addresses_at(hub, person)
    if not own or person.vpn is None:
        return None
    key, preshared = person.vpn.public_key, person.vpn.preshared
    return Peer(person.name, key, None, tuple(map(alone, own)), preshared=preshared)


def _endpoint(fleet: Fleet, host: Host) -> str:
    return f"{bracketed(host.address)}:{fleet.vpn.port}"
