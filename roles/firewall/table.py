"""The text of the table, as nft(8) gets it."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from ipaddress import ip_network

from controller.this_run import this_fleet, this_host
from fleet.derived.access import may_log_in
from fleet.derived.ports import ports_of
from fleet.derived.vpn import people_prefixes, prefixes
from fleet.people import is_over
from fleet.ports import Port
from fleet.values.networks import NEVER_PUBLIC
from roles.firewall.parts import PUBLIC, PUBLIC_RULE, TABLE, closed_ports, parts, rule
from roles.templates import render


def whole() -> str:
    """The table as it should be, once nothing hinders any part."""
    return text([part.name for part in parts()])


def text(names: Collection[str]) -> str:
    """The table with the parts of these names."""
    here, fleet, closed = this_host(), this_fleet(), closed_ports(names)
    inside, people, logins = prefixes(fleet), people_prefixes(fleet) if here.vpn else [], _logins()
    own = here.vpn.people if here.vpn else ()
    ports = [port for port in ports_of(fleet, here) if port not in closed]
    reached = here.bbb.reaches if here.bbb else ()
    return render(
        __file__,
        "table.nft.j2",
        table=TABLE,
        interface=fleet.vpn.interface if here.vpn else None,
        ipv4=_of_version(4, inside),
        ipv6=_of_version(6, inside),
        people4=_of_version(4, people),
        people6=_of_version(6, people),
        own_people4=_of_version(4, own),
        own_people6=_of_version(6, own),
        ssh=here.ssh_port if here.only_by_vpn else None,
        closed=closed,
        reach=_only_these(closed),
        public=PUBLIC in names,
        # Also what is not for everybody, and still open to them because it is in use.
        opened=ports,
        login=here.ssh_port,
        logins4=_of_version(4, logins),
        logins6=_of_version(6, logins),
        for_people=[
            port
            for port in ports_of(fleet, here)
            if port.to in ("all", "people") and port.name != "SSH"
        ],
        hub="hub" in here.roles,
        confined=any(fleet.group(name).confined for name in here.groups),
        private4=_of_version(4, NEVER_PUBLIC),
        private6=_of_version(6, NEVER_PUBLIC),
        reached4=_of_version(4, reached),
        reached6=_of_version(6, reached),
    )


def is_open(port: Port, table: str) -> bool:
    """Whether the host's port is open to everybody, by the table as nft lists it."""
    if PUBLIC_RULE in table and _opens(port) not in _chain("public", table):
        return False
    return rule(port) not in table


def _opens(port: Port) -> str:
    return f"{port.protocol} dport {port.range} accept"


def _chain(name: str, table: str) -> str:
    return table.partition(f"chain {name} {{")[2].partition("}")[0]


def _logins() -> list[str]:
    """The addresses in the VPN of the people who may log in to the host."""
    return [
        address
        for person in this_fleet().people.values()
        if person.vpn
        and may_log_in(person, this_host())
        and not is_over(person.expires, datetime.now(UTC))
        for address in person.vpn.addresses
    ]


def _only_these(ports: Iterable[Port]) -> list[tuple[Port, list[str], list[str]]]:
    """Each port of a group, with the IPv4 and IPv6 addresses of the hosts that may reach it."""
    found = []
    for port in ports:
        if port.to not in ("vpn", "people"):
            members = [it.vpn for it in this_fleet().hosts_in_vpn() if port.to in it.groups]
            own = [address for vpn in members if vpn for address in vpn.addresses]
            found.append((port, _of_version(4, own), _of_version(6, own)))
    return found


def _of_version(version: int, prefixes: Iterable[str]) -> list[str]:
    return [prefix for prefix in prefixes if ip_network(prefix).version == version]
