"""The daemon as a whole: HTTP, media, and what ends meetings from outside the API."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from lab.bbb.web.api import Api
from lab.bbb.web.carriers import SIGNALS, Carriers
from lab.bbb.web.media import FIRST, Media
from lab.bbb.web.meetings import Meeting
from lab.bbb.web.people import Flow, User
from lab.bbb.web.server import Server
from lab.bbb.web.settings import Settings
from lab.bbb.web.switches import Switches

STATE = "var/lib/bbb-standin"
# Stands for the database bbb_graphql. The postinst of bbb-graphql-server drops the real one and
# makes it anew, under the clients of every meeting.
DATABASE = f"{STATE}/bbb_graphql"
EVERY = 0.1


class Daemon:
    """Plays bbb-web on the host whose root this is.

    http: address of the API; port 0 lets the kernel choose
    media: address and first port of the meetings' media; port 0 lets the kernel choose each
    Raises NotConfigured, OSError.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        http: tuple[str, int] = ("127.0.0.1", 8090),
        media: tuple[str, int] = ("0.0.0.0", FIRST),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._switches = Switches(root / STATE / "switches")
        self._carriers = Carriers(root)
        self._database, self._dropped = root / DATABASE, False
        self._database_was = self._identity()
        self._media_at = media
        self._media: dict[str, Media] = {}
        settings = Settings.read(root)
        self.api = Api(settings, self._switches, self._start_media, self._end_media, clock)
        self._server = Server(http, self.api, self)
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    @property
    def port(self) -> int:
        """The API's port."""
        return self._server.port

    def start(self) -> None:
        self._server.open()
        self._keeper.start()

    def stop(self) -> None:
        """End everything, as a stop of the unit does."""
        self._stop.set()
        self._keeper.join()
        self._server.close()
        with self.api.lock:
            for meeting in list(self.api.meetings.all.values()):
                self.api.meetings.end(meeting, "bbb-web was stopped", forcibly=False)

    def media_port(self, meeting: Meeting) -> int | None:
        """The UDP port of a live meeting. A stale one has none."""
        media = self._media.get(meeting.internal_id)
        return None if media is None else media.port

    def arrive(self, token: str) -> tuple[Meeting, User, Flow] | None:
        """The user begins to hold the signals; None if nobody may by this token."""
        with self.api.lock:
            found = self.api.meetings.user(token)
            if found is None:
                return None
            meeting, user = found
            flow = user.signals = Flow(self._carriers.active(SIGNALS))
            self.api.meetings.arrived(meeting)
            return meeting, user, flow

    def leave(self, meeting: Meeting, user: User, flow: Flow) -> None:
        """The user's client has closed the signals, or has lost them."""
        with self.api.lock:
            if user.signals is flow:
                user.break_off("the client has gone")
                self.api.meetings.left(meeting, user)

    def _keep(self) -> None:
        while not self._stop.wait(EVERY):
            self._server.is_open(self._switches.value("down") is None)
            with self.api.lock:
                self.api.tidy()
                self._look_at_database()
                for meeting in self.api.meetings.all.values():
                    for user in meeting.users.values():
                        self._look_at_carriers(user)

    def _look_at_carriers(self, user: User) -> None:
        for flow in (user.signals, user.media):
            if flow is not None and flow.broken is None:
                stopped = self._carriers.stopped(flow.carried_by)
                if stopped:
                    flow.broken = f"{', '.join(stopped)} was stopped"

    def _look_at_database(self) -> None:
        now = self._identity()
        if now != self._database_was:
            self._database_was = now
            for meeting in list(self.api.meetings.all.values()):
                self.api.meetings.end(meeting, "the database was dropped", forcibly=False)

    def _identity(self) -> tuple[int, int] | None:
        """What tells one database from the next: a file made anew may get the old one's inode."""
        try:
            status = self._database.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _start_media(self, meeting: Meeting) -> None:
        def user(token: str) -> User | None:
            return meeting.users.get(token)

        self._media[meeting.internal_id] = Media(self._media_at, self._carriers, user)

    def _end_media(self, meeting: Meeting) -> None:
        media = self._media.pop(meeting.internal_id, None)
        if media is not None:
            media.close()
