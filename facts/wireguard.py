"""A WireGuard interface: its file, and what is in force. Sources: wg(8), wg-quick(8).

`wg show ... dump` and the file hold private and preshared keys, so the fact reads neither as it is.
Only the public half of a private key, and the digest of a preshared key, leave the host.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface, ip_network
from shlex import quote

from engine.fact import Fact, Section, lines_of, sections, whole

DIRECTORY = "/etc/wireguard"
NO_SECRET = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
"""The preshared key that stands for no key: wg(8)."""

FORWARDS = ["1", "1"]
"""The kernel's settings while the host forwards, for IPv4 and for IPv6."""


@dataclass(frozen=True)
class LivePeer:
    """A peer that is in force.

    allowed_ips: prefixes; endpoint: "address:port", None if not known
    keepalive: seconds, 0 for none
    preshared: SHA-256 in hex of its preshared key in base64, with a newline; None if it has no such
        key
    """

    allowed_ips: frozenset[str] = frozenset()
    endpoint: str | None = None
    keepalive: int = 0
    preshared: str | None = None


@dataclass(frozen=True)
class Live:
    """An interface that is up.

    peers: by public key; addresses: with their lengths; routes: the prefixes that lead into it
    forwards: whether the host passes packets on from one interface to another, for IPv4 and IPv6
    """

    public_key: str
    port: int
    peers: Mapping[str, LivePeer] = field(default_factory=dict)
    addresses: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()
    forwards: bool = False


@dataclass(frozen=True)
class WireGuardState:
    """One interface.

    public_key: the public half of the key that the host keeps for it, None if there is no key
    config: the file's text with each secret replaced by `shown`, None if there is no file
    rights: the file's "owner:group mode"
    live: None while the interface is not up
    takes_ipv6: whether the kernel lets the interface have IPv6 addresses
    mtu: of the link by which the host reaches others outside of the VPN; 0 if not known
    """

    public_key: str | None = None
    config: str | None = None
    rights: str | None = None
    live: Live | None = None
    takes_ipv6: bool = True
    mtu: int = 0


def key_file(interface: str) -> str:
    """Where a host keeps the private key of the interface."""
    return f"{DIRECTORY}/{interface}.key"


def shown(digest: str) -> str:
    """The text in the place of a secret. digest: its SHA-256, or a private key's public half."""
    return f"(secret, {digest})"


# Any line with such a word counts as a key, also a comment that somebody wrote by hand, because the
# comment may hold a key.
#
# Nobody has the address 192.0.2.1 (RFC 5737), so the way to it is the default route. A new
# interface begins with the settings of `default`. Without IPv6 in the kernel there are none.
_FUNCTIONS = """\
settings=/proc/sys/net/ipv6/conf
[ -e $settings/{interface} ] && of={interface} || of=default
out=$(ip route get 192.0.2.1 2> /dev/null | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')
printf '##link\\t%s\\t%s\\n' "$(cat $settings/$of/disable_ipv6 2> /dev/null || echo 1)" \\
  "$(cat "/sys/class/net/$out/mtu" 2> /dev/null || echo 0)"
command -v wg >/dev/null && cd {directory} 2>/dev/null || exit 0
digest() {{ printf '%s\\n' "$1" | sha256sum | cut -c -64; }}
config() {{
  while IFS= read -r line || [ -n "$line" ]; do
    secret=${{line#*=}}
    secret=${{secret# }}
    case $line in
    *[Pp][Rr][Ii][Vv][Aa][Tt][Ee]*[Kk][Ee][Yy]*)
      printf 'PrivateKey = (secret, %s)\\n' "$(printf '%s\\n' "$secret" | wg pubkey 2>/dev/null)" ;;
    "PresharedKey = {none}")
      printf '%s\\n' "$line" ;;
    *[Pp][Rr][Ee][Ss][Hh][Aa][Rr][Ee][Dd]*)
      printf 'PresharedKey = (secret, %s)\\n' "$(digest "$secret")" ;;
    "##"*)
      # Else what follows would be none of it.
      printf ' %s\\n' "$line" ;;
    *)
      printf '%s\\n' "$line" ;;
    esac
  done < {interface}.conf
}}
peers() {{
  for what in allowed-ips persistent-keepalive; do
    printf '##%s\\n' $what
    wg show {interface} $what
  done
  printf '##preshared\\n'
  wg show {interface} preshared-keys | while read -r peer secret; do
    [ "$secret" = '(none)' ] || printf '%s\\t%s\\n' "$peer" "$(digest "$secret")"
  done
}}
network() {{
  printf '##addresses\\n'
  # Without those that a device gives itself: link-local ones.
  ip -o address show dev {interface} |
    awk '($3 == "inet" || $3 == "inet6") && $4 !~ /^(fe[89ab]|169[.]254[.])/ {{print $4}}'
  printf '##routes\\n'
  for version in 4 6; do
    ip -$version route show dev {interface} | grep -v 'proto kernel' |
      awk -v version=$version '
        $1 == "default" {{$1 = version == 4 ? "0.0.0.0/0" : "::/0"}}
        # Not the ways of a route with several, nor multicast and the like.
        $1 ~ /^[0-9a-f.:\\/]+$/ {{print $1}}'
  done
}}
forwarding() {{
  printf '##forwarding\\n'
  cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
}}
if [ -s {key} ]; then
  printf '##key\\n'
  wg pubkey < {key} || true
fi
if [ -f {interface}.conf ]; then
  printf '##config\\t%s\\n' "$(stat -c '%U:%G %04a' {interface}.conf)"
  {config}
fi
wg show {interface} > /dev/null 2>&1 || exit 0
"""

_WHOLE = """\
printf '##live\\t%s\\t' "$(wg show {interface} public-key)"
wg show {interface} listen-port
printf '##endpoints\\n'
wg show {interface} endpoints
peers
forwarding
network
"""


def script(interface: str, config: str, rest: str) -> str:
    """POSIX sh that prints the key and the file, and runs `rest` while the interface is up.

    config: the command that prints the file: the shell function `config`, which hides the secrets,
        or a pipe from this function
    """
    return (_FUNCTIONS + rest).format(
        directory=DIRECTORY,
        key=quote(key_file(interface)),
        interface=quote(interface),
        none=NO_SECRET,
        config=config,
    )


class WireGuard(Fact[WireGuardState]):
    """An interface's key, file and live state, in one remote command."""

    def command(self, interface: str) -> str:
        return whole(script(interface, "config", _WHOLE))

    @staticmethod
    def default() -> WireGuardState:
        return WireGuardState()

    def parse(self, output: list[str]) -> WireGuardState:
        found = {section.title: section for section in sections(output)}
        key, config = lines_of(output, "key"), found.get("config")
        return WireGuardState(
            public_key=key[0] if key else None,
            config="".join(f"{line}\n" for line in config.lines) if config else None,
            rights=config.fields[1] if config else None,
            live=_live(found["live"], output) if "live" in found else None,
            takes_ipv6="link" not in found or found["link"].fields[1] == "0",
            mtu=int(found["link"].fields[2]) if "link" in found else 0,
        )


def _live(heading: Section, output: Sequence[str]) -> Live:
    _, public_key, port = heading.fields
    endpoints = pairs(lines_of(output, "endpoints"))
    allowed = pairs(lines_of(output, "allowed-ips"))
    keepalive = pairs(lines_of(output, "persistent-keepalive"))
    preshared = pairs(lines_of(output, "preshared"))
    peers = {
        peer: LivePeer(
            frozenset(prefixes.replace("(none)", "").split()),
            None if endpoints[peer] == "(none)" else endpoints[peer],
            0 if keepalive[peer] == "off" else int(keepalive[peer]),
            preshared.get(peer),
        )
        for peer, prefixes in allowed.items()
    }
    return Live(
        public_key,
        int(port),
        peers,
        frozenset(str(ip_interface(line)) for line in lines_of(output, "addresses")),
        frozenset(str(ip_network(line)) for line in lines_of(output, "routes")),
        lines_of(output, "forwarding") == FORWARDS,
    )


def pairs(lines: Sequence[str]) -> dict[str, str]:
    """{key: value} of lines "key<TAB>value", as wg(8) prints them."""
    return dict(line.split("\t", 1) for line in lines)
