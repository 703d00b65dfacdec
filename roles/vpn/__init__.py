"""The VPN: WireGuard between all servers, and a hub through which people come in."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from pyinfra import host, state
from pyinfra.api import deploy

from controller.audit import Look
from controller.preflight import refuse
from controller.reach import tunnel_to
from controller.this_run import hosts_of_run, secrets, this_fleet, this_host
from engine.report import tell
from engine.several import Asked
from facts.systemd import Units
from facts.wireguard import Live, WireGuard
from facts.wireguard_digest import WireGuardDigest
from fleet.derived.vpn import Peer, alone, server_peers
from fleet.secret_kinds.vpn import PRESHARED
from fleet.values.networks import within
from operations import files, keys, systemd, wireguard
from roles.places import unit_file
from roles.templates import render
from roles.vpn.found import judge_member, judge_stranger

# For the next boot; `wireguard.interface` puts forwarding in force at once.
FORWARDING = "/etc/sysctl.d/60-coop-vpn.conf"
NOT_KNOWN = "(a secret that is not set here)"


def preflight() -> None:
    """Refuse a run that would end the tunnel through which its operator comes in."""
    mine = tunnel_to(this_host())
    if mine is None:
        return
    wanted, interface = _wanted(), this_fleet().vpn.interface
    known = host.get_fact(WireGuardDigest, interface=interface, _sudo=True)
    if wireguard.is_as_wanted(known, wanted):
        return
    live = host.get_fact(WireGuard, interface=interface, _sudo=True).live
    if live and ends(live, wanted, mine):
        refuse(
            f"you come by the tunnel of {mine}, and this run would end it: in the data the address "
            "is nobody's now, has expired, or has another key, or the hub gets another key or port",
            "take that tunnel down and come by the public address or another hub, or let "
            "somebody else run it",
        )


def ends(live: Live, wanted: wireguard.Interface, address: str) -> bool:
    """Whether this change of the interface would end the tunnel from this address."""
    for key, its in live.peers.items():
        if not within(address, its.allowed_ips):
            continue
        peer = next((it for it in wanted.peers if within(address, it.allowed_ips)), None)
        if peer is None and not within(address, wanted.keyless):
            return True
        # The rest is for the hub of this tunnel alone. On other servers the peer is the hub, which
        # may get a new key.
        if alone(address) not in its.allowed_ips:
            continue
        if peer is None or peer.public_key != key or live.public_key != wanted.public_key:
            return True
        # The operator's own configuration names the port.
        if live.port != wanted.port:
            return True
        if peer.preshared != NOT_KNOWN and peer.digest != its.preshared:
            return True
    return False


@deploy("VPN")
def converge() -> None:
    name = host.name
    keys.own(
        name="Key",
        pair=wireguard.pair(this_fleet().vpn.interface),
        known=this_fleet().vpn_keys.load(),
        store=lambda key: this_fleet().vpn_keys.store(name, key),
    )
    files.present(name="Files", entries=_files())
    # Every host of the run has stored its key above, so the peers are known by now.
    wireguard.interface(name="Interface", interface=this_fleet().vpn.interface, wanted=interface)
    systemd.running(name="Services", units=units())


def interface() -> wireguard.Interface:
    """The interface as it should be, by the keys that are stored now."""
    wanted = _wanted()
    if wanted.keyless:
        names = ", ".join(sorted(set(wanted.keyless.values())))
        tell(f"no peers before their first run, as they have no key yet: {names}")
    # While pyinfra prepares: the run will store the keys of its own hosts before it comes to this.
    first = [] if state.is_executing else hosts_of_run()
    keyless = {prefix: name for prefix, name in wanted.keyless.items() if name not in first}
    return replace(wanted, keyless=keyless)


def _wanted() -> wireguard.Interface:
    vpn = this_host().vpn
    assert vpn is not None
    stored = this_fleet().vpn_keys.load()
    peers = server_peers(this_fleet(), this_host(), stored, datetime.now(UTC))
    return wireguard.Interface(
        public_key=stored.get(host.name),
        addresses=vpn.addresses,
        port=this_fleet().vpn.port,
        peers=tuple(_peer(peer, peer.public_key) for peer in peers if peer.public_key),
        # The prefixes lead into the tunnel even without a peer. So the hub sends no packet for
        # somebody who has lost their address out on its other side.
        led_here=vpn.people,
        forwards="hub" in this_host().roles,
        only_by=tuple(it.name for it in this_fleet().hosts_in_vpn() if it.only_by_vpn),
        name=host.name,
        keyless={
            prefix: peer.name
            for peer in peers
            if peer.public_key is None
            for prefix in peer.allowed_ips
        },
    )


def _peer(peer: Peer, public_key: str) -> wireguard.Peer:
    secret = secrets().get(PRESHARED.of(peer.name)) if peer.preshared else ""
    return wireguard.Peer(
        name=peer.name,
        public_key=public_key,
        allowed_ips=peer.allowed_ips,
        endpoint=peer.endpoint,
        keepalive=peer.keepalive,
        # Only a dry run lacks the secret here: the inventory refuses any other run.
        preshared=NOT_KNOWN if secret is None else secret,
    )


def _files() -> list[files.Entry]:
    drop_in = unit_file(f"{this_fleet().vpn.unit}.d/coop-infra.conf")
    entries: list[files.Entry] = [
        files.File(drop_in, render(__file__, "wg-quick.conf.j2")),
    ]
    if "hub" in this_host().roles:
        entries.append(files.File(FORWARDING, render(__file__, "forwarding.conf.j2")))
    else:
        entries.append(files.Absent(FORWARDING))
    return entries


def units() -> list[systemd.Unit]:
    """The units that run, now and at each boot."""
    return [systemd.Unit(this_fleet().vpn.unit)]


def audit() -> Look:
    """Who has a tunnel. Also for a host that is in no VPN."""
    asked: list[Asked] = [(WireGuard, {"interface": this_fleet().vpn.interface})]
    if this_host().vpn is None:
        return Look("vpn", asked, judge_stranger)
    asked.append((Units, {"units": [it.name for it in units()]}))
    return Look("vpn", asked, partial(judge_member, interface=interface(), units=units()))
