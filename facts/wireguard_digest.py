"""A WireGuard interface as digests, to compare it with what it should be.

In a fleet of 200 hosts each host has 200 peers, and facts.wireguard tells 90 kB about them. Digests
are enough to see that nothing differs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from engine.fact import Fact, Section, lines_of, sections, whole
from facts.wireguard import FORWARDS, Live, WireGuardState, pairs, script


@dataclass(frozen=True)
class DigestState:
    """One interface: a WireGuardState with digests (SHA-256 in hex) in the place of texts.

    config: the digest of WireGuardState.config, None if there is no file
    live: the digest of all that is in force except endpoints and forwarding; None while the
        interface is not up
    unknown: the public keys of the peers whose endpoint is not known
    forwards: as in Live
    """

    public_key: str | None = None
    config: str | None = None
    rights: str | None = None
    live: str | None = None
    unknown: frozenset[str] = frozenset()
    forwards: bool = False


# Sorted, because wg and ip print peers and prefixes in no fixed order.
_LOOK = """\
printf '##live\\n'
{{
  wg show {interface} public-key
  wg show {interface} listen-port
  {{ peers; network; }} | awk '
    /^##/ {{what = $1; next}}
    NF == 1 {{print what, $1}}
    {{for (field = 2; field <= NF; field++) print what, $1, $field}}'
}} | LC_ALL=C sort -u | sha256sum
forwarding
printf '##unknown\\n'
wg show {interface} endpoints | grep -F '(none)'
"""


class WireGuardDigest(Fact[DigestState]):
    """An interface's key, and digests of its file and of its live state, in one remote command."""

    def command(self, interface: str) -> str:
        return whole(script(interface, "config | sha256sum", _LOOK))

    @staticmethod
    def default() -> DigestState:
        return DigestState()

    def parse(self, output: list[str]) -> DigestState:
        found = {section.title: section for section in sections(output)}
        key, config = lines_of(output, "key"), found.get("config")
        return DigestState(
            public_key=key[0] if key else None,
            config=_digest_of(config) if config else None,
            rights=config.fields[1] if config else None,
            live=_digest_of(found["live"]) if "live" in found else None,
            unknown=frozenset(pairs(lines_of(output, "unknown"))),
            forwards=lines_of(output, "forwarding") == FORWARDS,
        )


def digest(state: WireGuardState) -> DigestState:
    """The answer to WireGuardDigest of a host that is in this state."""
    live = state.live
    peers = live.peers if live else {}
    return DigestState(
        public_key=state.public_key,
        config=None if state.config is None else _sha256(state.config),
        rights=state.rights,
        live=None if live is None else _sha256("".join(f"{it}\n" for it in sorted(_lines(live)))),
        unknown=frozenset(key for key, peer in peers.items() if peer.endpoint is None),
        forwards=live is not None and live.forwards,
    )


def _lines(live: Live) -> Iterator[str]:
    yield from (live.public_key, str(live.port))
    for key, peer in live.peers.items():
        yield from (f"##allowed-ips {key} {it}" for it in peer.allowed_ips or ["(none)"])
        yield f"##persistent-keepalive {key} {peer.keepalive or 'off'}"
        yield from [f"##preshared {key} {peer.preshared}"] if peer.preshared else []
    yield from (f"##addresses {it}" for it in live.addresses)
    yield from (f"##routes {_as_ip_tells(it)}" for it in live.routes)


def _as_ip_tells(prefix: str) -> str:
    """The prefix as ip(8) prints it: a single address has no length."""
    address, _, length = prefix.partition("/")
    return address if length == ("128" if ":" in address else "32") else prefix


def _digest_of(section: Section) -> str:
    """The digest in what sha256sum(1) has printed."""
    (line,) = section.lines
    return line.split()[0]


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
