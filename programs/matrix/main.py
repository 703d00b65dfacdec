"""Takes Alertmanager's messages by HTTP, and says them in the room."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from programs.shared.arguments import settings_and_secrets
from programs.shared.exposition import exposition
from programs.shared.hook import server
from programs.shared.messages import Matrix, NotSent

# More at once than somebody reads, and less than the largest message of Matrix, 65,536 bytes.
MOST_ALERTS = 20
LONGEST = 300
# What Alertmanager sends again because it heard no answer is within the hour; what it repeats
# because the alert still fires, is not.
SAME_SECONDS = 3600

MEANINGS = {"coop_room_usable": "Whether the room took the last message: 1 or 0."}


def text_of(message: Mapping[str, Any]) -> str:
    """What people read. Raises KeyError, TypeError if Alertmanager did not send this."""
    alerts = message["alerts"]
    lines = [line for it in alerts[:MOST_ALERTS] for line in _lines(it)]
    if more := len(alerts[MOST_ALERTS:]):
        lines.append(f"and {more} more")
    return "\n".join(lines)


def _lines(alert: Mapping[str, Any]) -> Iterator[str]:
    said, named = alert["annotations"], alert["labels"]
    over = alert["status"] == "resolved"
    severity = "over" if over else named.get("severity", "").upper()
    yield f"{severity}: {_short(said.get('summary', named['alertname']))}"
    if not over:
        yield f"  First: {_short(said.get('mend', ''))}"
        yield f"  Page: {_short(said.get('runbook_url', ''))}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def key_of(message: Mapping[str, Any], now: float) -> str:
    """What makes this message the same as one that was sent before.

    Of a pair of Alertmanagers both send the same.
    """
    named = [(it["fingerprint"], it["status"], it["startsAt"]) for it in message["alerts"]]
    return repr((message["groupKey"], sorted(named), int(now) // SAME_SECONDS))


def start() -> None:
    """Run the program with the arguments of its command line."""
    settings, room = settings_and_secrets()
    serve(settings["address"], settings["port"], Matrix(**room) if room else None)


def serve(address: str, port: int, room: Matrix | None) -> None:
    """For ever."""

    usable = True

    def take(message: Any) -> None:
        nonlocal usable
        text, key = text_of(message), key_of(message, time.time())
        usable = False
        if room is None:
            raise NotSent("the data names no room")
        room.send(text, key)
        usable = True

    def show() -> str:
        return exposition({"coop_room_usable": (MEANINGS["coop_room_usable"], {"": int(usable)})})

    with server(address, port, take, show) as its:
        its.serve_forever()
