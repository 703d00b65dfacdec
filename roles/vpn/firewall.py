"""Which ports of a host are open to whom: a table of nftables of this project's own."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address, ip_network

from pyinfra import host

from controller.connection import log_in_anew
from controller.reach import address_here, address_in_vpn, that_answer
from controller.this_run import this_fleet, this_host
from facts.nfs import Exports, ExportsState
from facts.nftables import Listener, TableState
from fleet.derived.access import may_log_in
from fleet.derived.ports import ports_of
from fleet.derived.vpn import is_inside, people_prefixes, prefixes
from fleet.people import is_over
from fleet.ports import Port
from fleet.values.networks import NEVER_PUBLIC
from operations import files, nftables, systemd
from roles.access import operator
from roles.places import unit_file
from roles.templates import render

TABLE = "coop_infra"
FILE = "/etc/coop-infra/firewall.nft"
UNIT = "coop-firewall.service"
# nftables.service takes everybody's tables away when it starts, stops or reloads.
DROP_IN = unit_file("nftables.service.d/coop-infra.conf")

PUBLIC = "the public side"
PUBLIC_RULE = "jump public"

# What listens on hosts of Debian by itself, and serves nobody beyond the link: rpcbind, which
# nfs-common brings and NFS 4 does not use; multicast DNS; LLMNR.
NO_SERVICE = (111, 5353, 5355)
# Where DHCP clients listen, which the table lets answers through to.
DHCP = (("udp", 68), ("udp", 546))


def entries() -> list[files.Entry]:
    """The firewall's files, without that of the table, which needs a proof: nftables.table."""
    return [
        files.File(unit_file(UNIT), render(__file__, "firewall.service.j2", file=FILE)),
        files.File(DROP_IN, render(__file__, "nftables.conf.j2", file=FILE)),
    ]


def units() -> list[systemd.Unit]:
    return [systemd.Unit(UNIT)]


def converge() -> None:
    nftables.table(
        name="Firewall", table=TABLE, file=FILE, text=text, prove=prove, parts=tuple(parts())
    )


def parts() -> list[nftables.Part]:
    """What the table of the host closes as soon as nothing hinders that."""
    found = [
        nftables.Part(port.name, _rule(port), partial(_in_use, port.name))
        for port in _not_for_all()
        if port.name in IN_USE
    ]
    if this_host().public != "open":
        found.append(nftables.Part(PUBLIC, PUBLIC_RULE, _other_services, _what_it_closes))
    return found


def whole() -> str:
    """The table as it should be, once nothing hinders any part."""
    return text([part.name for part in parts()])


def is_open(port: Port, table: str) -> bool:
    """Whether the host's port is open to everybody, by the table as nft lists it."""
    if PUBLIC_RULE in table and _opens(port) not in _chain("public", table):
        return False
    return _rule(port) not in table


def undeclared(now: TableState) -> list[Listener]:
    """Where the host listens for others without that its groups or its record open the port."""
    ports = ports_of(this_fleet(), this_host())
    return [
        it
        for it in now.listeners
        if not any(port.holds(it.protocol, it.number) for port in ports)
        and (it.protocol, it.number) not in DHCP
        and it.number not in NO_SERVICE
    ]


def outside(now: TableState) -> list[str]:
    """The host's addresses outside of the VPN: that of its record, and what else is global."""
    own = (it for it in now.addresses if ip_address(it).is_global)
    return sorted({this_host().address, *own})


def _not_for_all() -> list[Port]:
    return [port for port in ports_of(this_fleet(), this_host()) if port.to != "all"]


def _closed(names: Collection[str]) -> list[Port]:
    """The ports that are not open to everybody, in a table with the parts of these names.

    A run closes at once a port that is not open to everybody, unless somebody may be cut off.
    """
    return [it for it in _not_for_all() if it.name not in IN_USE or it.name in names]


def _in_use(name: str, now: TableState) -> str | None:
    reason = IN_USE[name]()
    return f"{name}: left as it is now, as {reason}" if reason else None


def _operator_outside() -> str | None:
    if address_here(this_fleet()) and address_in_vpn(this_host()):
        return None
    return "you do not get in by the VPN: bring your tunnel up (make vpn-config) and run again"


def _clients_outside() -> str | None:
    """Which NFS clients come from outside the VPN, and what to do; None if none does."""
    seen: ExportsState = host.get_fact(Exports)
    clients = sorted(client for client in seen.clients if not is_inside(this_fleet(), client))
    if not clients:
        return None
    return (
        f"{', '.join(clients)} has something mounted by NFS, and not by the VPN: run on it, or "
        "unmount it there, and run again"
    )


# By service, a function that says who would be cut off if the port were closed now. A run closes
# the ports of all other services at once.
IN_USE = {"SSH": _operator_outside, "NFS": _clients_outside}


def _other_services(now: TableState) -> str | None:
    """Where the host listens beside what is declared, and what to do; None if it does not."""
    found = undeclared(now)
    # Whoever writes `closed` has decided. What the table closes already serves nobody.
    if not found or this_host().public == "closed" or PUBLIC_RULE in now.live:
        return None
    return (
        f"{PUBLIC}: left as it is now, as something listens that neither a role nor the host's "
        f"record opens: {_listed(found)}. Open it with ports: in the record, or write public: "
        "closed, and the next run closes it, or public: open"
    )


def _what_it_closes(now: TableState) -> str | None:
    found = undeclared(now)
    return f"{PUBLIC}: closes what listens and nothing opens: {_listed(found)}" if found else None


def _listed(listeners: Iterable[Listener]) -> str:
    return ", ".join(dict.fromkeys(map(str, listeners)))


def prove(names: Collection[str], now: TableState) -> None:
    """Raises an exception unless the operator gets in, and the closed ports do not answer.

    names: of the parts that the table has; now: the host before the change
    """
    here, closed = this_host(), _closed(names)
    by_vpn = here.vpn if any(port.name == "SSH" for port in closed) else None
    log_in_anew(operator(), by_vpn.addresses[0] if by_vpn else None)
    shut = {port.number: port.name for port in closed if port.protocol == "tcp"}
    if PUBLIC in names:
        tcp = (it for it in undeclared(now) if it.protocol == "tcp")
        shut.update({it.number: it.program or "a service" for it in tcp})
    for address, number in sorted(that_answer([(here.address, it) for it in shut])):
        raise ConnectionError(f"{shut[number]}: port {number} at {address} is still open")


def _rule(port: Port) -> str:
    """The rule that closes the port, as nft lists it, from its protocol on."""
    return f"{port.protocol} dport {port.range} drop"


def _opens(port: Port) -> str:
    return f"{port.protocol} dport {port.range} accept"


def _chain(name: str, table: str) -> str:
    return table.partition(f"chain {name} {{")[2].partition("}")[0]


def text(names: Collection[str]) -> str:
    """The table with the parts of these names."""
    here, fleet, closed = this_host(), this_fleet(), _closed(names)
    inside, people, logins = prefixes(fleet), people_prefixes(fleet), _logins()
    own = here.vpn.people if here.vpn else ()
    ports = [port for port in ports_of(fleet, here) if port not in closed]
    reached = here.bbb.reaches if here.bbb else ()
    return render(
        __file__,
        "firewall.nft.j2",
        table=TABLE,
        interface=this_fleet().vpn.interface,
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
