"""WireGuard interfaces: changes the file and what is in force, and drops no other session.

Sources: wg(8), wg-quick(8). The code avoids these traps. `wg syncconf` takes the interface's key
away if its input has no PrivateKey, and all peers if its input is empty; both times it exits 0. A
preshared key or keepalive that the input leaves out stays in force. Kernel routes do not follow
AllowedIPs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from ipaddress import ip_interface
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from engine.operation import Commands, ask, operation
from engine.report import diff, fail, script, tell
from facts.wireguard import (
    DIRECTORY,
    NO_SECRET,
    Live,
    LivePeer,
    WireGuard,
    WireGuardState,
    key_file,
    shown,
)
from facts.wireguard_digest import DigestState, WireGuardDigest, digest
from operations.keys import Pair
from operations.systemd import why_not

HEADER = "# Written as a whole by pyinfra: an edit here is lost."
RIGHTS = "root:root 0600"
# wg-quick(8) takes this off the MTU of the link. IPv6 needs 1280 of what is left: RFC 8200, 5.
OVERHEAD = 80
LEAST_MTU = 1280 + OVERHEAD
FORWARD = "sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"


@dataclass(frozen=True)
class Peer:
    """A peer as it should be.

    name: for people to read
    endpoint: "address:port", None if the host learns it from the peer
    keepalive: seconds, 0 for none
    preshared: the secret in base64, "" for none; never shown
    """

    name: str
    public_key: str
    allowed_ips: tuple[str, ...]
    endpoint: str | None = None
    keepalive: int = 0
    preshared: str = field(default="", repr=False)

    @property
    def digest(self) -> str | None:
        """The digest of the preshared key, as in `facts.wireguard.LivePeer.preshared`."""
        return sha256(f"{self.preshared}\n".encode()).hexdigest() if self.preshared else None


@dataclass(frozen=True)
class Interface:
    """An interface as it should be.

    public_key: the host's stored key; None while no key is stored
    addresses: the host's own, without lengths; port: UDP
    led_here: prefixes that lead into the interface even if no peer has an address there
    forwards: whether the host passes on what its peers send each other
    keyless: {prefix: name} of each peer that should be there, but whose key is not stored here
    only_by: the names of hosts that nobody reaches but by the VPN
    name: the host's own name among these
    """

    public_key: str | None
    addresses: tuple[str, ...]
    port: int
    peers: tuple[Peer, ...]
    led_here: tuple[str, ...] = ()
    forwards: bool = False
    keyless: Mapping[str, str] = field(default_factory=dict)
    only_by: tuple[str, ...] = ()
    name: str = ""

    @property
    def prefixes(self) -> frozenset[str]:
        """Its addresses with their lengths: each alone, because its neighbours have own routes."""
        return frozenset(str(ip_interface(address)) for address in self.addresses)

    @property
    def routes(self) -> frozenset[str]:
        """The prefixes that lead into it: those of its peers, and led_here."""
        return frozenset(self.led_here).union(*(peer.allowed_ips for peer in self.peers))


def pair(interface: str) -> Pair:
    """The host's own key pair for the interface."""
    return Pair(key_file(interface), make='wg genkey > "$new"', public='wg pubkey < "$file"')


@operation()
def interface(interface: str, wanted: Callable[[], Interface]) -> Commands:
    """The interface is configured and up, with exactly these peers and a route to each.

    interface: its name
    wanted: gives the interface as it should be; called once the hosts' keys are known

    While a peer changes, the sessions with other peers go on. Never changes the host's key: a key
    that is not the stored key fails the host. Never takes all peers away at once.
    """
    known = yield from ask(WireGuardDigest, interface=interface)
    want = wanted()
    as_wanted = f"{interface} is up with {len(want.peers)} peers"
    if is_as_wanted(known, want):
        host.noop(as_wanted)
        return
    now = yield from ask(WireGuard, interface=interface)
    if refusal := _refusal(interface, now, want):
        yield fail(refusal)
        return
    if not _explain(interface, now, want):
        host.noop(as_wanted)
        return
    yield _apply(interface, now.live, want)
    if is_as_wanted((yield from ask(WireGuardDigest, interface=interface)), want):
        return
    if left := differences((yield from ask(WireGuard, interface=interface)).live, want):
        yield fail("\n".join([f"{interface} is not as wanted after all:", *left]))


def is_as_wanted(known: DigestState, want: Interface) -> bool:
    """Whether the host is surely as wanted. If not, or in doubt, the run asks for everything."""
    peers = {
        it.public_key: LivePeer(frozenset(it.allowed_ips), it.endpoint, it.keepalive, it.digest)
        for it in want.peers
    }
    if want.public_key is None or len(peers) < len(want.peers):
        return False
    live = Live(want.public_key, want.port, peers, want.prefixes, want.routes, want.forwards)
    would = digest(WireGuardState(want.public_key, config(want, hidden=True), RIGHTS, live))
    return (
        known == replace(would, unknown=known.unknown, forwards=known.forwards)
        # The host may know more endpoints, which it learned from the peers, and it may forward for
        # others.
        and known.unknown <= would.unknown
        and known.forwards >= want.forwards
    )


def _refusal(name: str, now: WireGuardState, want: Interface) -> str | None:
    if want.public_key is not None and now.public_key != want.public_key:
        return (
            f"{key_file(name)} is {_named(now.public_key)}, and stored is {want.public_key}. If "
            "the host was installed anew, take its entry out of the stored keys and run again"
        )
    by_others = now.config is not None and not now.config.startswith(HEADER)
    if by_others or (now.config is None and now.live and now.live.public_key != now.public_key):
        return (
            f"{name} is there, and not by this project. Note its peers, take it down and "
            f"{config_file(name)} away, and run again"
        )
    if no_way := _no_ipv6(name, now, want):
        return no_way
    keys = [peer.public_key for peer in want.peers]
    if twice := {peer.name for peer in want.peers if keys.count(peer.public_key) > 1}:
        return f"{' and '.join(sorted(twice))} have one public key: one is a copy of the other"
    if now.live:
        return _peers_refusal(now.live, want) or _strands(now.config or "", want)
    return None


def _no_ipv6(name: str, now: WireGuardState, want: Interface) -> str | None:
    """Why the interface could not get the IPv6 addresses that it lacks. wg-quick would then take it
    down with its IPv4 addresses.
    """
    have = now.live.addresses if now.live else frozenset()
    if not any(":" in prefix for prefix in want.prefixes - have):
        return None
    if not now.takes_ipv6:
        return (
            f"IPv6 is disabled on this host, and {name} needs an IPv6 address. Find the setting "
            "(grep -r disable_ipv6 /etc/sysctl.conf /etc/sysctl.d, or ipv6.disable=1 in "
            "/proc/cmdline), take it out, put it in force (sysctl -w "
            "net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0, or "
            "a boot), and run again"
        )
    if 0 < now.mtu < LEAST_MTU:
        return (
            f"the link by which this host reaches others has an MTU of {now.mtu}, and {name} would "
            f"get {now.mtu - OVERHEAD}, where IPv6 needs {LEAST_MTU - OVERHEAD}. Give the link an "
            f"MTU of at least {LEAST_MTU} (ip link, and the network's configuration), and run again"
        )
    return None


def _strands(before: str, want: Interface) -> str | None:
    """Why the change could leave a host that nobody reaches any more, with the way that is safe.

    before: the file of the last run. What a hand has changed since may be mended

    A host that misses the run keeps the old port and the old endpoints. Then neither end of its
    tunnels finds the other.
    """
    port = re.search(r"^ListenPort = (\d+)$", before, re.MULTILINE)
    own = re.search(r"^Address = (.+)$", before, re.MULTILINE)
    gone = sorted(set(own[1].split(", ")) - want.prefixes) if own else []
    if port and int(port[1]) != want.port and want.only_by:
        what, which = f"port {port[1]} -> {want.port}", want.only_by
    elif gone and want.name in want.only_by:
        what, which = f"address {', '.join(gone)}: present -> absent", (want.name,)
    else:
        return None
    return (
        f"{what}: a host that misses this run, or a run that is cut off, could leave "
        f"{', '.join(which)} without any way in, as the VPN is the only one. Open SSH there first "
        "(only_way_in: false, and a run), run with this change, and close SSH again"
    )


def _peers_refusal(live: Live, want: Interface) -> str | None:
    """Why the peers that are in force must not be changed to the wanted ones."""
    wanted = {peer.public_key for peer in want.peers}
    for key, peer in live.peers.items():
        known = {want.keyless[prefix] for prefix in peer.allowed_ips & want.keyless.keys()}
        if key not in wanted and known:
            return (
                f"{', '.join(sorted(known))} is a peer and its key is not stored here, so it would "
                "be taken away: get the newest file of stored keys and run again"
            )
    if live.peers and not want.peers:
        return f"no peer would be left of {len(live.peers)}, so nothing was changed"
    return None


def _named(public_key: str | None) -> str:
    return f"the private half of {public_key}" if public_key else "not there"


def _explain(name: str, now: WireGuardState, want: Interface) -> bool:
    """Tells each difference, and gives whether there is one."""
    told = [f"{name}: {text}" for text in differences(now.live, want)]
    for text in told:
        tell(text)
    if now.rights not in (None, RIGHTS):
        tell(f"{config_file(name)}: {now.rights} -> {RIGHTS}")
    text = config(want, hidden=True)
    if text != now.config:
        diff(config_file(name), now.config, text)
    return bool(told) or now.rights != RIGHTS or text != now.config


def differences(live: Live | None, want: Interface) -> list[str]:
    """The differences between what is in force and what should be, a line each."""
    if live is None:
        return ["down -> up"]
    peers = {peer.public_key: peer for peer in want.peers}
    texts = [] if live.port == want.port else [f"port {live.port} -> {want.port}"]
    if live.public_key != want.public_key:
        texts.append(f"its key, of {live.public_key} -> the stored one")
    if want.forwards and not live.forwards:
        texts.append("forwarding: off -> on")
    texts += _set_differences("address", live.addresses, want.prefixes)
    texts += [
        f"peer {key}, unknown: present -> absent"
        for key in sorted(live.peers.keys() - peers.keys())
    ]
    for key, peer in peers.items():
        texts += [
            f"peer {peer.name}: {text}" for text in _peer_differences(live.peers.get(key), peer)
        ]
    return texts + _set_differences("route", live.routes, want.routes)


def _set_differences(what: str, now: frozenset[str], want: frozenset[str]) -> list[str]:
    gone = [f"{what} {value}: present -> absent" for value in sorted(now - want)]
    return gone + [f"{what} {value}: absent -> present" for value in sorted(want - now)]


def _peer_differences(live: LivePeer | None, peer: Peer) -> list[str]:
    if live is None:
        return [f"absent -> {', '.join(peer.allowed_ips)}"]
    texts = _set_differences("allowed prefix", live.allowed_ips, frozenset(peer.allowed_ips))
    if live.keepalive != peer.keepalive:
        texts.append(f"keepalive {live.keepalive or 'off'} -> {peer.keepalive or 'off'}")
    if live.preshared != peer.digest:
        had = "none" if live.preshared is None else "a secret"
        other = "another" if live.preshared else "a secret"
        texts.append(f"preshared key: {had} -> {other if peer.preshared else 'none'}")
    # The host learned a known endpoint from the peer itself, so it is better than the wanted one.
    if peer.endpoint and live.endpoint is None:
        texts.append(f"endpoint unknown -> {peer.endpoint}")
    return texts


def config_file(name: str) -> str:
    return f"{DIRECTORY}/{name}.conf"


def config(want: Interface, hidden: bool) -> str:
    """The file's text. hidden: `shown` stands in the place of each secret.

    The private key is on the host alone, and the host puts it in. The text writes out everything of
    a peer, because what `wg syncconf` does not find stays in force.
    """
    lines = [
        HEADER,
        "[Interface]",
        f"PrivateKey = {shown(want.public_key or '') if hidden else ''}",
        f"Address = {', '.join(sorted(want.prefixes))}",
        f"ListenPort = {want.port}",
        *(f"PostUp = ip route replace {prefix} dev %i" for prefix in want.led_here),
    ]
    for peer in want.peers:
        preshared = shown(peer.digest) if hidden and peer.digest else peer.preshared
        lines += [
            "",
            f"# {peer.name}",
            "[Peer]",
            f"PublicKey = {peer.public_key}",
            f"PresharedKey = {preshared or NO_SECRET}",
            f"AllowedIPs = {', '.join(peer.allowed_ips)}",
            *([f"Endpoint = {peer.endpoint}"] if peer.endpoint else []),
            f"PersistentKeepalive = {peer.keepalive or 'off'}",
        ]
    return "".join(f"{line}\n" for line in lines)


def _apply(name: str, live: Live | None, want: Interface) -> StringCommand:
    """The script that makes and checks a candidate, installs it, and puts it in force."""
    key, file = quote(key_file(name)), quote(config_file(name))
    beside = f"{DIRECTORY}/.{name}.coop-new"
    return script(
        "umask 077",
        # The candidate has secrets, so it is in memory. wg-quick wants its name to be NAME.conf.
        "new=$(mktemp -d /run/coop-wireguard.XXXXXX); trap 'rm -rf \"$new\"' EXIT",
        "trap 'exit 1' HUP INT TERM",
        "while IFS= read -r line; do case $line in",
        f"'PrivateKey = ') printf '%s%s\\n' \"$line\" \"$(cat {key})\" ;;",
        "*) printf '%s\\n' \"$line\" ;;",
        f"esac; done > $new/{name}.conf <<'END-OF-CONFIG'",
        config(want, hidden=False).rstrip("\n"),
        "END-OF-CONFIG",
        f"wg-quick strip $new/{name}.conf > $new/stripped",
        f"[ \"$(sed -n 's/^PrivateKey = //p' $new/stripped | wg pubkey)\" = {want.public_key} ]"
        f" && [ \"$(grep -c '^PublicKey = ' $new/stripped)\" = {len(want.peers)} ]"
        f" || {{ echo {quote(f'the new {name}.conf has lost its key or a peer')} >&2; exit 1; }}",
        f"cat $new/{name}.conf > {beside}; chmod 600 {beside}; sync {beside}",
        f"mv {beside} {file}; sync -f {file}",
        *(_start(name) if live is None else _sync(name, live, want)),
        *([FORWARD] if want.forwards else []),
    )


def _start(name: str) -> list[str]:
    unit = quote(f"wg-quick@{name}.service")
    why = why_not(unit)
    return ["systemctl daemon-reload", f"systemctl restart {unit} || {{ {why}; exit 1; }}"]


def _sync(name: str, live: Live, want: Interface) -> list[str]:
    lines = [f"wg syncconf {name} $new/stripped", f"ip link set {name} up"]
    for what, now, wanted in (
        ("address", live.addresses, want.prefixes),
        ("route", live.routes, want.routes),
    ):
        lines += [f"ip {what} replace {it} dev {name}" for it in sorted(wanted - now)]
        lines += [f"ip {what} del {it} dev {name}" for it in sorted(now - wanted)]
    return lines
