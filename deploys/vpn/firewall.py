"""What of a host is open to whom, by a table of nftables that is its own."""

from functools import partial
from ipaddress import ip_network

from deploys.access import operator
from deploys.connection import log_in_anew
from deploys.data import fleet, this_host
from deploys.reach import address_here, address_in_vpn, is_open
from deploys.templates import render
from operations import files, nftables, systemd

TABLE = "coop_infra"
FILE = "/etc/coop-infra/firewall.nft"
UNIT = "coop-firewall.service"


def entries() -> list[files.Entry]:
    """The files of the role, but for the table, which waits for its proof."""
    path = f"/etc/systemd/system/{UNIT}"
    return [files.File(path, render(__file__, "firewall.service.j2", file=FILE))]


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
    """The table as it should be, once the operator comes from within the VPN."""
    closed = _closed()
    return closed.text if closed else _table(closed=False)


def _closed() -> nftables.Closed | None:
    here = this_host()
    if not here.only_by_vpn:
        return None
    return nftables.Closed(
        text=_table(closed=True),
        is_inside=lambda: bool(address_here(fleet()) and address_in_vpn(here)),
        prove=_prove,
        otherwise="SSH is left as it is, as you do not get in by the VPN: bring your tunnel up "
        "(make vpn-config) and run again",
    )


def _prove() -> None:
    """Raises an exception unless the operator gets in by the VPN, and by nothing else."""
    here = this_host()
    assert here.vpn is not None
    log_in_anew(operator(), here.vpn.addresses[0])
    if is_open(here.address, here.ssh_port):
        raise ConnectionError(f"SSH at {here.address} is still open")


def _table(closed: bool) -> str:
    """The table, closed: with SSH open from within the VPN only."""
    here = this_host()
    prefixes = [ip_network(prefix) for prefix in fleet().vpn_prefixes()]
    return render(
        __file__,
        "firewall.nft.j2",
        table=TABLE,
        interface=fleet().vpn.interface,
        ipv4=[prefix for prefix in prefixes if prefix.version == 4],
        ipv6=[prefix for prefix in prefixes if prefix.version == 6],
        port=here.ssh_port if here.only_by_vpn else None,
        closed=closed,
        hub="hub" in here.roles,
    )
