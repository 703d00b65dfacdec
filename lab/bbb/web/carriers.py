"""Which of BigBlueButton's units carry which flow: a flow breaks when one of them stops.

The smallest model that is true enough for "no meeting is cut": a unit that a flow needs has an
invocation (systemd.exec(5), INVOCATION_ID), and another invocation, or none, means that the unit
was stopped since the flow began. What goes through haproxy and nginx needs no entry, because the
signals really go through them.

From where this is known: signals are the client's GraphQL subscriptions (bbb-graphql-*, Hasura,
PostgreSQL, and bbb-apps-akka behind them, over redis: bigbluebutton #7799); audio is FreeSWITCH's,
told by bbb-fsesl-akka, and both audio and video come through bbb-webrtc-sfu, or LiveKit in 4.0.
coturn carries those who cannot reach the node by UDP themselves.
"""

from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

SIGNALS = (
    "bbb-apps-akka.service",
    "bbb-graphql-middleware.service",
    "bbb-graphql-server.service",
    "redis-server.service",
    "postgresql@*.service",
)
MEDIA = (
    "bbb-fsesl-akka.service",
    "bbb-webrtc-sfu.service",
    "freeswitch.service",
    "livekit-server.service",
)
RELAY = ("coturn.service",)

# systemd has a link here for each unit that is active, to the unit's invocation.
UNITS = "run/systemd/units"
_LINK = "invocation:"


class Carriers:
    """The units of the host whose root this is."""

    def __init__(self, root: Path) -> None:
        self._directory = root / UNITS

    def active(self, patterns: tuple[str, ...]) -> Mapping[str, str]:
        """The invocation of each unit of these that is active now; a unit may not be there."""
        found: dict[str, str] = {}
        for link in self._directory.glob(f"{_LINK}*.service"):
            unit = link.name.removeprefix(_LINK)
            if any(fnmatch(unit, pattern) for pattern in patterns):
                try:
                    found[unit] = str(link.readlink())
                except FileNotFoundError:
                    continue
        return found

    def stopped(self, since: Mapping[str, str]) -> list[str]:
        """The units of an earlier answer of `active` that were stopped since."""
        now = self.active(tuple(since))
        return sorted(unit for unit, invocation in since.items() if now.get(unit) != invocation)
