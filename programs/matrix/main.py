"""Takes Alertmanager's messages by HTTP, and says them in the room."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any

from programs.shared.arguments import settings_and_secrets
from programs.shared.exposition import exposition
from programs.shared.hook import server
from programs.shared.messages import Matrix, NotSent

# More at once than somebody reads, and less than the largest message of Matrix, 65,536 bytes.
MOST_ALERTS = 20
LONGEST = 300
# What Alertmanager sends again because it heard no answer comes within the hour; what it repeats
# because the alert still fires, does not: group_data/monitor.py, repeat_hours.
SAME_SECONDS = 3600
FORGOTTEN_SECONDS = 86400

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


class Keys:
    """What makes a message the same as one that was sent before: the room then has it once."""

    def __init__(self) -> None:
        self._tried: dict[str, _Tried] = {}
        self._lock = Lock()

    def key_of(self, message: Mapping[str, Any], now: float) -> str:
        """The key under which the message goes out, until `sent` says that it has.

        Of a pair of Alertmanagers both send the same, so the first key follows from the message: it
        counts the hours since the newest alert began or ended, and not those of a clock.
        """
        named = [(it["fingerprint"], it["status"], it["startsAt"]) for it in message["alerts"]]
        same = repr((message["groupKey"], sorted(named)))
        with self._lock:
            current = {
                it: its for it, its in self._tried.items() if now < its.at + FORGOTTEN_SECONDS
            }
            before = current.get(same)
            is_again = before and (not before.sent or now < before.at + SAME_SECONDS)
            # By the clock of another host it may begin later than now.
            age = max(0, now - max((_changed(it) for it in message["alerts"]), default=now))
            key = before.key if before and is_again else repr((same, int(age) // SAME_SECONDS))
            self._tried = {**current, same: _Tried(key, now)}
        return key

    def sent(self, key: str) -> None:
        """Say that the message has gone out under this key."""
        with self._lock:
            self._tried = {
                it: replace(its, sent=its.sent or its.key == key) for it, its in self._tried.items()
            }


@dataclass(frozen=True)
class _Tried:
    """A message that was to go out under a key, and when that was tried last."""

    key: str
    at: float
    sent: bool = False


def _changed(alert: Mapping[str, Any]) -> float:
    """When it began, or ended, in seconds since 1970: RFC 3339, with any fraction and zone."""
    text = alert["endsAt"] if alert["status"] == "resolved" else alert["startsAt"]
    zone = text[-6:] if text[-6:-5] in {"+", "-"} else "+00:00"
    return datetime.fromisoformat(f"{text[:19]}{zone}").timestamp()


def start() -> None:
    """Run the program with the arguments of its command line."""
    settings, room = settings_and_secrets()
    serve(settings["address"], settings["port"], Matrix(**room) if room else None)


def serve(address: str, port: int, room: Matrix | None) -> None:
    """For ever."""

    usable, keys = True, Keys()

    def take(message: Any) -> None:
        nonlocal usable
        text, key = text_of(message), keys.key_of(message, time.time())
        usable = False
        if room is None:
            raise NotSent("the data names no room")
        room.send(text, key)
        keys.sent(key)
        usable = True

    def show() -> str:
        return exposition({"coop_room_usable": (MEANINGS["coop_room_usable"], {"": int(usable)})})

    with server(address, port, take, show) as its:
        its.serve_forever()
