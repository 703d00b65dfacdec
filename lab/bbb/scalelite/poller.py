"""Stands for Scalelite's poller, with its faults: lib/tasks/poll.rake.

- After so many failed polls in a row it sends `end` for all meetings of the server and forgets
  them. A slow API or a wrong secret is a failed poll too.
- A cordoned server becomes disabled as soon as its load is 0, and load counts people: an empty
  meeting that lives is none (scalelite #620).
- It drops the record of a meeting only when the server says notFound (scalelite #525).
"""

import time
from dataclasses import dataclass
from threading import Event
from xml.etree.ElementTree import Element

from lab.bbb.scalelite.node import NodeError, ask
from lab.bbb.scalelite.records import Records, Server


@dataclass(frozen=True)
class Pace:
    """How Scalelite is set: docs/configuration-README.md, with its defaults.

    second: how long a second of Scalelite's lasts, in seconds: 0.05 is twenty times as fast
    interval: POLL_INTERVAL; timeout: RESPONSE_TIMEOUT, both in seconds of Scalelite's
    unhealthy, healthy: SERVER_UNHEALTHY_THRESHOLD and SERVER_HEALTHY_THRESHOLD, polls
    least, buffer: LOAD_MIN_USER_COUNT people for the first LOAD_JOIN_BUFFER_TIME minutes
    """

    second: float = 1.0
    interval: float = 60.0
    timeout: float = 10.0
    unhealthy: int = 2
    healthy: int = 1
    least: int = 15
    buffer: float = 15.0


class Poller:
    def __init__(self, records: Records, pace: Pace) -> None:
        self._records, self._pace = records, pace

    def run(self, stop: Event) -> None:
        while not stop.wait(self._pace.interval * self._pace.second):
            self.poll_all()

    def poll_all(self) -> None:
        """One round: rake poll:all."""
        for server in list(self._records.servers.values()):
            self._poll_server(server)
        for meeting_id in list(self._records.meetings):
            self._poll_meeting(meeting_id)
        self._records.save()

    def _poll_server(self, server: Server) -> None:
        try:
            answer = ask(server, "getMeetings", {}, self._timeout)
        except NodeError:
            self._failed(server)
            return
        people = sum(self._people(it) for it in answer.iterfind("meetings/meeting"))
        with self._records.lock:
            server.unhealthy = 0
            if not server.online:
                server.healthy += 1
                if server.healthy < self._pace.healthy:
                    return
                server.healthy, server.online = 0, True
            # The load of a disabled server is not kept: Server#save!.
            load = people * server.load_multiplier
            if server.state == "cordoned" and load == 0:
                server.becomes("disabled")
            server.load = None if server.state == "disabled" else load

    def _people(self, meeting: Element) -> int:
        """Moderators are participants too, and are counted twice. Breakout rooms are not."""
        if meeting.findtext("isBreakout") == "true":
            return 0
        names = ("participantCount", "moderatorCount")
        people = sum(int(meeting.findtext(name) or 0) for name in names)
        age = time.time() - int(meeting.findtext("createTime") or 0) / 1000
        young = age < self._pace.buffer * 60 * self._pace.second
        return max(people, self._pace.least) if young else people

    def _failed(self, server: Server) -> None:
        with self._records.lock:
            server.healthy = 0
            if not server.online:
                return
            server.unhealthy += 1
            if server.unhealthy < self._pace.unhealthy:
                return
            doomed = [it for it in self._records.meetings.values() if it.server_id == server.id]
            for meeting in doomed:
                del self._records.meetings[meeting.id]
            server.unhealthy, server.load, server.online = 0, None, False
        for meeting in doomed:
            parameters = {"meetingID": meeting.id, "password": meeting.moderator_pw}
            try:
                ask(server, "end", parameters, self._timeout)
            except NodeError:
                continue  # Forgotten all the same.

    def _poll_meeting(self, meeting_id: str) -> None:
        with self._records.lock:
            meeting = self._records.meetings.get(meeting_id)
            server = self._records.servers.get(meeting.server_id) if meeting else None
        if server is None:
            return  # The record of a server that was deleted stays behind: scalelite #290.
        try:
            ask(server, "getMeetingInfo", {"meetingID": meeting_id}, self._timeout)
        except NodeError as error:
            if error.key == "notFound":
                self._records.meetings.pop(meeting_id, None)

    @property
    def _timeout(self) -> float:
        # Not below what a loaded machine needs for an answer.
        return max(self._pace.timeout * self._pace.second, 0.5)
