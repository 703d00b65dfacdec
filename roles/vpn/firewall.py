"""What of a host is open to whom, by a table of nftables that is its own."""

from collections.abc import Iterable
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
    """The files of the role, but for the table, which waits for its proof."""
    return [files.File(unit_file(UNIT), render(__file__, "firewall.service.j2", file=FILE))]


def units() -> list[systemd.Unit]:
    return [systemd.Unit(UNIT)]


def converge() -> None:
    nftables.table(
        name="Firewall",
        table=TABLE,
        file=FILE,
        text=_table(closed=False),
        prove=partial(log_in_anew, operator()),
        closed=_closed(),
        _serial=True,
    )


def text() -> str:
    """The table as it should be, once nothing is in use any more that it closes."""
    closed = _closed()
    return closed.text if closed else _table(closed=False)


def _closed() -> nftables.Closed | None:
    if not closed_ports():
        return None
    return nftables.Closed(text=_table(closed=True), hindrance=_hindrance, prove=_prove)


def closed_ports() -> list[Port]:
    """The TCP ports of the host that are not open to everybody."""
    ports = ports_of(this_fleet(), this_host())
    return [port for port in ports if port.to != "all" and port.protocol == "tcp"]


def _hindrance() -> str | None:
    """What would be cut off if the ports were closed now, and what to do; None if nothing is."""
    here, found = this_host(), []
    if here.only_by_vpn and not (address_here(this_fleet()) and address_in_vpn(here)):
        found.append(
            "you do not get in by the VPN: bring your tunnel up (make vpn-config) and run again"
        )
    if "storage" in here.roles and (clients := _clients_outside()):
        found.append(
            f"{', '.join(clients)} has something mounted by NFS, and not by the VPN: run on it, or "
            "unmount it there, and run again"
        )
    if not found:
        return None
    ports = " and ".join(port.name for port in closed_ports())
    return f"{ports}: left as it is now, as {'; and as '.join(found)}"


def _clients_outside() -> list[str]:
    """The NFS clients, by their addresses, that do not come by the VPN."""
    seen: ExportsState = host.get_fact(Exports)
    return sorted(client for client in seen.clients if not is_inside(this_fleet(), client))


def _prove() -> None:
    """Raises an exception unless the operator gets in, and what is closed does not answer."""
    here = this_host()
    log_in_anew(operator(), here.vpn.addresses[0] if here.vpn and here.only_by_vpn else None)
    for port in closed_ports():
        if is_open(here.address, port.number):
            raise ConnectionError(
                f"{port.name}: port {port.number} at {here.address} is still open"
            )


def _table(closed: bool) -> str:
    """The table, closed: with the ports open from within the VPN only."""
    here = this_host()
    return render(
        __file__,
        "firewall.nft.j2",
        table=TABLE,
        interface=this_fleet().vpn.interface,
        ipv4=_of_version(4, prefixes(this_fleet())),
        ipv6=_of_version(6, prefixes(this_fleet())),
        people4=_of_version(4, here.vpn.people if here.vpn else ()),
        people6=_of_version(6, here.vpn.people if here.vpn else ()),
        ssh=here.ssh_port if here.only_by_vpn else None,
        closed=closed_ports() if closed else [],
        reach=_only_these() if closed else {},
        hub="hub" in here.roles,
    )


def _only_these() -> dict[int, tuple[list[str], list[str]]]:
    """By port, the IPv4 and the IPv6 addresses of the hosts that alone may reach it."""
    found = {}
    for port in closed_ports():
        if port.to != "vpn":
            members = [it.vpn for it in this_fleet().hosts_in_vpn() if port.to in it.groups]
            own = [address for vpn in members if vpn for address in vpn.addresses]
            found[port.number] = (_of_version(4, own), _of_version(6, own))
    return found


def _of_version(version: int, prefixes: Iterable[str]) -> list[str]:
    return [prefix for prefix in prefixes if ip_network(prefix).version == version]
