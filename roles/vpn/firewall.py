"""Which ports of a host are open to whom: a table of nftables of this project's own."""

from collections.abc import Iterable, Sequence
from functools import partial
from ipaddress import ip_network

from pyinfra import host

from controller.connection import log_in_anew
from controller.reach import address_here, address_in_vpn, is_open
from controller.this_run import this_fleet, this_host
from facts.nfs import Exports, ExportsState
from fleet.derived.ports import ports_of
from fleet.derived.vpn import is_inside, prefixes
from fleet.ports import Port
from operations import files, nftables, systemd
from roles.access import operator
from roles.places import unit_file
from roles.templates import render

TABLE = "coop_infra"
FILE = "/etc/coop-infra/firewall.nft"
UNIT = "coop-firewall.service"


def entries() -> list[files.Entry]:
    """The firewall's files, without that of the table, which needs a proof: nftables.table."""
    return [files.File(unit_file(UNIT), render(__file__, "firewall.service.j2", file=FILE))]


def units() -> list[systemd.Unit]:
    return [systemd.Unit(UNIT)]


def converge() -> None:
    nftables.table(
        name="Firewall",
        table=TABLE,
        file=FILE,
        text=_table(at_once()),
        prove=partial(_prove, at_once()),
        closed=_closed(),
    )


def text() -> str:
    """The table as it should be, once nobody outside the VPN uses a port that it closes."""
    return _table(closed_ports())


def closed_ports() -> list[Port]:
    """The TCP ports of the host that are not open to everybody."""
    ports = ports_of(this_fleet(), this_host())
    return [port for port in ports if port.to != "all" and port.protocol == "tcp"]


def at_once() -> list[Port]:
    """The closed ports that a run closes even if they are in use."""
    return [port for port in closed_ports() if port.name not in IN_USE]


def _closed() -> nftables.Closed | None:
    ports = closed_ports()
    if ports == at_once():
        return None
    return nftables.Closed(text=_table(ports), hindrance=_hindrance, prove=partial(_prove, ports))


def _hindrance() -> str | None:
    """Who would be cut off if all ports were closed now, and what to do; None for nobody."""
    ports = [port for port in closed_ports() if port.name in IN_USE]
    found = [reason for port in ports if (reason := IN_USE[port.name]())]
    if not found:
        return None
    names = " and ".join(port.name for port in ports)
    return f"{names}: left as it is now, as {'; and as '.join(found)}"


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


def _prove(ports: Sequence[Port]) -> None:
    """Raises an exception unless the operator gets in, and the closed ports do not answer."""
    here = this_host()
    by_vpn = here.vpn if any(port.name == "SSH" for port in ports) else None
    log_in_anew(operator(), by_vpn.addresses[0] if by_vpn else None)
    for port in ports:
        if is_open(here.address, port.number):
            raise ConnectionError(
                f"{port.name}: port {port.number} at {here.address} is still open"
            )


def _table(closed: Sequence[Port]) -> str:
    """The table that opens these ports only from within the VPN, or only to a part of the VPN."""
    here, inside = this_host(), prefixes(this_fleet())
    return render(
        __file__,
        "firewall.nft.j2",
        table=TABLE,
        interface=this_fleet().vpn.interface,
        ipv4=_of_version(4, inside),
        ipv6=_of_version(6, inside),
        people4=_of_version(4, here.vpn.people if here.vpn else ()),
        people6=_of_version(6, here.vpn.people if here.vpn else ()),
        ssh=here.ssh_port if here.only_by_vpn else None,
        closed=closed,
        reach=_only_these(closed),
        hub="hub" in here.roles,
    )


def _only_these(ports: Sequence[Port]) -> dict[int, tuple[list[str], list[str]]]:
    """By port number, the IPv4 and the IPv6 addresses of the only hosts that may reach the port."""
    found = {}
    for port in ports:
        if port.to != "vpn":
            members = [it.vpn for it in this_fleet().hosts_in_vpn() if port.to in it.groups]
            own = [address for vpn in members if vpn for address in vpn.addresses]
            found[port.number] = (_of_version(4, own), _of_version(6, own))
    return found


def _of_version(version: int, prefixes: Iterable[str]) -> list[str]:
    return [prefix for prefix in prefixes if ip_network(prefix).version == version]
