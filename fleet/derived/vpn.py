"""The VPN that the fleet needs: each host's WireGuard interface and its peers.

Servers are a mesh over their public addresses. People reach it through a hub, a host with the role
hub, and have an address in the prefixes of each.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from fleet.hosts import Host
from fleet.model import Fleet
from fleet.people import Person, is_over
from fleet.values.networks import within


@dataclass(frozen=True)
class Peer:
    """One peer, with the fields of wg(8).

    name: of the host or the person
    public_key: None while the host has not made its own yet
    endpoint: "address:port"; None for people, whose address is learned
    allowed_ips: the prefixes that are its own
    keepalive: seconds, 0 for none
    preshared: whether a secret of .env is mixed in
    """

    name: str
    public_key: str | None
    endpoint: str | None
    allowed_ips: tuple[str, ...]
    keepalive: int = 0
    preshared: bool = False


def server_peers(fleet: Fleet, host: Host, keys: Mapping[str, str], now: datetime) -> list[Peer]:
    """The peers of the host, by name: the other servers and, on a hub, its people.

    keys: the public keys of the hosts that have one

    Always of the whole fleet, so that no run of a part of it takes one away.
    """
    others = [other for other in fleet.hosts_in_vpn() if other.name != host.name]
    peers = [_server(fleet, other, keys) for other in others]
    if "hub" in host.roles:
        people = [person for person in fleet.people.values() if not is_over(person.expires, now)]
        peers += [peer for person in people if (peer := _person(person, host))]
    return sorted(peers, key=lambda peer: peer.name)


def hub_peer(fleet: Fleet, hub: Host, person: Person, keys: Mapping[str, str]) -> Peer:
    """The hub as the person's one peer: every server is reached through it, and any to come."""
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
    """The person's addresses in the prefixes of the hub; none if they are not its peer."""
    if person.vpn is None or hub.vpn is None:
        return ()
    return tuple(address for address in person.vpn.addresses if within(address, hub.vpn.people))


def prefixes(fleet: Fleet) -> list[str]:
    """Every prefix of the VPN: of its servers, and of the people of each hub."""
    people = [prefix for host in fleet.hosts_in_vpn() if host.vpn for prefix in host.vpn.people]
    return [*fleet.vpn.servers, *people]


def is_inside(fleet: Fleet, address: str) -> bool:
    """Whether the address is one of the VPN; False for what is no address at all."""
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
    address = f"[{host.address}]" if ":" in host.address else host.address
    return f"{address}:{fleet.vpn.port}"
