"""What the table closes, and who would be cut off if it did so now."""

from collections.abc import Collection, Iterable
from functools import partial
from ipaddress import ip_address

from pyinfra import host

from controller.reach import address_here, address_in_vpn
from controller.this_run import this_fleet, this_host
from facts.nfs import Exports, ExportsState
from facts.nftables import Listener, TableState
from fleet.derived.ports import ports_of
from fleet.derived.vpn import is_inside
from fleet.ports import Port
from operations.nftables import Part

TABLE = "coop_infra"
FILE = "/etc/coop-infra/firewall.nft"

PUBLIC = "the public side"
PUBLIC_RULE = "jump public"

# What listens on hosts of Debian by itself, and serves nobody beyond the link: rpcbind, which
# nfs-common brings and NFS 4 does not use; multicast DNS; LLMNR.
NO_SERVICE = (111, 5353, 5355)
# Where DHCP clients listen, which the table lets answers through to.
DHCP = (("udp", 68), ("udp", 546))


def parts() -> list[Part]:
    """What the table of the host closes as soon as nothing hinders that."""
    found = [
        Part(port.name, rule(port), partial(_in_use, port.name))
        for port in _not_for_all()
        if port.name in IN_USE
    ]
    if this_host().public != "open":
        found.append(Part(PUBLIC, PUBLIC_RULE, _others_in_use, _what_it_closes))
    return found


def rule(port: Port) -> str:
    """The rule that closes the port, as nft lists it, from its protocol on."""
    return f"{port.protocol} dport {port.range} drop"


def closed_ports(names: Collection[str]) -> list[Port]:
    """The ports that are not open to everybody, in a table with the parts of these names.

    A run closes at once a port that is not open to everybody, unless somebody may be cut off.
    """
    return [it for it in _not_for_all() if it.name not in IN_USE or it.name in names]


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


def _others_in_use(now: TableState) -> str | None:
    """What hinders to close the public side, and what to do; None if nothing does."""
    if named := sorted(it for it in now.uplinks if it == "docker0" or it.startswith("br-")):
        return (
            f"{PUBLIC}: left as it is now, as the host's own network comes by {named[0]}, which is "
            "a name of Docker's networks, and these are let in: rename the bridge, and run again"
        )
    found = undeclared(now)
    # What the table closes already serves nobody.
    if not found or not _may_serve(now):
        return None
    return (
        f"{PUBLIC}: left as it is now, as something listens that neither a role nor the host's "
        f"record opens: {_listed(found)}. Open it with ports: in the record, or write public: "
        "closed, and the next run closes it, or public: open"
    )


def _may_serve(now: TableState) -> bool:
    """Whether what nothing opens is reached now, on a host that earlier runs have left open.

    A host that no run has seen is closed, and whoever writes `closed` has decided.
    """
    is_new = not now.live and FILE not in now.files
    return this_host().public is None and not is_new and PUBLIC_RULE not in now.live


def _what_it_closes(now: TableState) -> str | None:
    found = undeclared(now)
    if not found:
        return None
    return (
        f"{PUBLIC}: closes what listens and nothing opens: {_listed(found)}. What has to be "
        "reached goes on with ports: in the record, and everything with public: open"
    )


def _listed(listeners: Iterable[Listener]) -> str:
    return ", ".join(dict.fromkeys(map(str, listeners)))
