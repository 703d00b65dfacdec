"""The tunnels to the servers that the host uses: wg(8). Those of people are nobody's business."""

from collections.abc import Iterator

from programs.metrics import Found, Run, Settings
from programs.shared.exposition import labels

MEANINGS = {
    "coop_tunnel_up": "Whether the interface is there: 1 or 0.",
    "coop_tunnel_handshake_timestamp_seconds": (
        "When the tunnel to this server was last agreed on; 0 for never. An idle tunnel needs none."
    ),
    "coop_tunnel_received_bytes": "How much came from this server since the interface is there.",
    "coop_tunnel_sent_bytes": "How much went to this server since the interface is there.",
}


def expected(settings: Settings) -> Found:
    of_peers = {labels(peer=it): 0 for it in settings.peers.values()}
    return {
        **{name: dict(of_peers) for name in MEANINGS},
        "coop_tunnel_up": {labels(interface=settings.interface): 0},
    }


def look(settings: Settings, run: Run) -> Iterator[Found]:
    # Not `wg show ... dump`, which tells the private key too.
    prefixes = _table(run(["wg", "show", settings.interface, "allowed-ips"]))
    handshakes = _table(run(["wg", "show", settings.interface, "latest-handshakes"]))
    transfer = _table(run(["wg", "show", settings.interface, "transfer"]))
    found: Found = {name: {} for name in MEANINGS}
    found["coop_tunnel_up"][labels(interface=settings.interface)] = 1
    for key, its in prefixes.items():
        name = next((settings.peers[it] for it in its if it in settings.peers), None)
        if name is None:
            continue
        received, sent = transfer.get(key, ["0", "0"])
        peer = labels(peer=name)
        found["coop_tunnel_handshake_timestamp_seconds"][peer] = int(handshakes.get(key, ["0"])[0])
        found["coop_tunnel_received_bytes"][peer] = int(received)
        found["coop_tunnel_sent_bytes"][peer] = int(sent)
    yield found


def _table(told: str) -> dict[str, list[str]]:
    """By public key, the words that follow it."""
    return {words[0]: words[1:] for line in told.splitlines() if (words := line.split())}
