"""Those who are in a meeting, and the flows that they hold."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Flow:
    """Signals or media of one user. carried_by: units and their invocations when it began."""

    carried_by: Mapping[str, str]
    broken: str | None = None


@dataclass
class User:
    """Whoever has called `join`.

    signals, media: None until the client holds the flow
    """

    name: str
    role: str
    external_id: str
    relayed: bool
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    internal_id: str = field(default_factory=lambda: f"w_{secrets.token_hex(6)}")
    signals: Flow | None = None
    media: Flow | None = None

    @property
    def present(self) -> bool:
        """Whether the client is in the meeting: `join` alone only registers a user."""
        return self.signals is not None and self.signals.broken is None

    def break_off(self, why: str) -> None:
        """Break both flows, if they are there and whole."""
        for flow in (self.signals, self.media):
            if flow is not None and flow.broken is None:
                flow.broken = why
