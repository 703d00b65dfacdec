"""Stands for Scalelite's records in Redis: app/models/server.rb, app/models/meeting.rb."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import RLock
from uuid import uuid4


class Missing(Exception):
    """There is no such record: RecordNotFound."""


@dataclass
class Server:
    """state: enabled, cordoned or disabled. load: None while the poller has written none.

    healthy, unhealthy: how many polls in a row went well, or failed.
    """

    id: str
    url: str
    secret: str
    tag: str = ""
    load_multiplier: float = 1.0
    state: str = "disabled"
    online: bool = False
    load: float | None = None
    healthy: int = 0
    unhealthy: int = 0

    def becomes(self, state: str) -> None:
        """A load outlives a change between enabled and cordoned, and no other."""
        self.state = state
        if state == "disabled":
            self.load = None


@dataclass
class Meeting:
    """Which server a meeting is on. The record stays until the poller hears that it is gone."""

    id: str
    server_id: str
    moderator_pw: str


@dataclass
class Records:
    """lock: for whatever reads and then writes. file: where the records outlive a restart."""

    file: Path | None = None
    servers: dict[str, Server] = field(default_factory=dict)
    meetings: dict[str, Meeting] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        if self.file and self.file.exists():
            kept = json.loads(self.file.read_text())
            self.servers = {key: Server(**it) for key, it in kept["servers"].items()}
            self.meetings = {key: Meeting(**it) for key, it in kept["meetings"].items()}

    def save(self) -> None:
        if self.file is None:
            return
        with self.lock:
            kept = {
                "servers": {key: asdict(it) for key, it in self.servers.items()},
                "meetings": {key: asdict(it) for key, it in self.meetings.items()},
            }
            new = self.file.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_text(json.dumps(kept))
            new.replace(self.file)

    def add_server(self, url: str, secret: str, load_multiplier: float, tag: str) -> Server:
        """A new server is disabled. Nothing refuses a second record of one URL (a random id)."""
        server = Server(str(uuid4()), url, secret, tag, load_multiplier)
        self.servers[server.id] = server
        return server

    def server(self, server_id: str) -> Server:
        try:
            return self.servers[server_id]
        except KeyError:
            raise Missing(server_id) from None

    def meeting(self, meeting_id: str) -> Meeting:
        try:
            return self.meetings[meeting_id]
        except KeyError:
            raise Missing(meeting_id) from None

    def available(self, tag: str = "") -> Server:
        """The enabled server with the lowest load: Server.find_available.

        A server without a load is not in the set server_load, so it gets no meeting. With a tag one
        that has it; without such a one any, unless the tag ends with !: docs/tags-README.md.
        """
        able = [it for it in self.servers.values() if it.state == "enabled" and it.load is not None]
        wanted = [it for it in able if it.tag == tag.removesuffix("!")]
        if not wanted and not tag.endswith("!"):
            wanted = [it for it in able if not it.tag]
        if not wanted:
            raise Missing("available")
        return min(wanted, key=lambda it: it.load or 0.0)
