"""Synthetic participants: they hold signals and media as a browser would, and tell of each break.

A participant stands for somebody in BigBlueButton's client, whose websocket comes through haproxy
and nginx, and whose sound and picture are UDP. Where BigBlueButton's client would reconnect after a
break, and its person see a pause or an error, a participant has a Break.
"""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin

from lab.bbb.door import Answer, Door, NoAnswer

MEDIA = "/bigbluebutton/lab/media"
SIGNALS = "/bigbluebutton/lab/signals"
PACKET_EVERY = 0.1
# A machine that emulates others may hold a process up for a second or two.
GAP = 4.0


@dataclass(frozen=True)
class Break:
    """flow: signals or media; at: epoch seconds"""

    who: str
    meeting: str
    flow: str
    why: str
    at: float

    def __str__(self) -> str:
        moment = time.strftime("%H:%M:%S", time.gmtime(self.at))
        return f"{moment} {self.who} in {self.meeting}: {self.flow}: {self.why}"


class Participant:
    """One person in one meeting, from `join` to `leave`.

    gap: the seconds without a sign of life after which a flow counts as broken
    broke: called with each Break, once a flow, from the participant's own threads
    Raises Refused, NoAnswer if there is no way in.
    """

    def __init__(
        self,
        door: Door,
        meeting: str,
        name: str,
        *,
        broke: Callable[[Break], None],
        gap: float = GAP,
        relayed: bool = False,
    ) -> None:
        self.name, self.meeting = name, meeting
        self._door, self._gap, self._broke = door, gap, broke
        self._left = threading.Event()
        self._heard = {"signals": 0.0, "media": 0.0}
        joined = door.call(
            "join",
            meetingID=meeting,
            fullName=name,
            role="MODERATOR",
            redirect="false",
            **({"userdata-lab_relayed": "true"} if relayed else {}),
        )
        self._token = joined.text("session_token")
        client = joined.text("url")
        self._peer = (door.address(client), self._media_port(joined))
        self._signals = self._open_signals(joined)
        self._media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._media.settimeout(PACKET_EVERY)
        self._threads = [
            threading.Thread(target=self._hold_signals, daemon=True),
            threading.Thread(target=self._hold_media, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def heard_after(self, moment: float) -> bool:
        """Whether both flows have brought something after this moment, of time.monotonic()."""
        return min(self._heard.values()) > moment

    def leave(self) -> None:
        """Close both flows. That is no break."""
        self._left.set()
        for thread in self._threads:
            thread.join()
        self._signals.close()
        self._media.close()

    def _at(self, path: str, joined: Answer) -> str:
        return urljoin(joined.url, f"{path}?{urlencode({'sessionToken': self._token})}")

    def _open_signals(self, joined: Answer) -> http.client.HTTPResponse:
        response = self._door.get(self._at(SIGNALS, joined), self._gap)
        if response.status != 200:
            raise NoAnswer(f"signals: status {response.status}")
        return response

    def _media_port(self, joined: Answer) -> int:
        with self._door.get(self._at(MEDIA, joined)) as response:
            if response.status != 200:
                raise NoAnswer(f"media: status {response.status}")
            return int(json.loads(response.read())["udp"])

    def _hold_signals(self) -> None:
        expected = 0
        while not self._left.is_set():
            try:
                line = self._signals.readline()
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._break("signals", f"{error or type(error).__name__} after {expected} lines")
                return
            if line != f"{expected}\n".encode():
                self._break("signals", f"ended after {expected} lines")
                return
            expected += 1
            self._heard["signals"] = time.monotonic()

    def _hold_media(self) -> None:
        number, begun = 0, time.monotonic()
        while not self._left.is_set():
            packet = f"{self._token} {number}".encode()
            # The node may be away for a moment: what counts is the gap.
            with suppress(OSError):
                self._media.sendto(packet, self._peer)
            next_one = time.monotonic() + PACKET_EVERY
            if self._hears(packet, next_one):
                self._heard["media"] = time.monotonic()
            elif time.monotonic() - max(begun, self._heard["media"]) > self._gap:
                self._break("media", f"nothing for {self._gap:g} s after {number} packets")
                return
            number += 1
            self._left.wait(max(0.0, next_one - time.monotonic()))

    def _hears(self, packet: bytes, until: float) -> bool:
        """Whether the packet, or an earlier one of ours, comes back by then."""
        mine = packet.split(b" ")[0]
        while time.monotonic() < until:
            try:
                data, _ = self._media.recvfrom(2048)
            except OSError:
                return False
            if data.startswith(mine):
                return True
        return False

    def _break(self, flow: str, why: str) -> None:
        self._broke(Break(self.name, self.meeting, flow, why, time.time()))


class Crowd:
    """All participants of a test, and what has happened to them.

    door: where they create and join
    """

    def __init__(self, door: Door, gap: float = GAP) -> None:
        self.door, self._gap = door, gap
        self._lock = threading.Lock()
        self._breaks: list[Break] = []
        self.people: dict[str, Participant] = {}

    @property
    def breaks(self) -> list[Break]:
        """Every break so far."""
        with self._lock:
            return list(self._breaks)

    def create(self, meeting: str, **parameters: str) -> Answer:
        """Raises Refused, NoAnswer."""
        return self.door.call("create", meetingID=meeting, name=f"Room {meeting}", **parameters)

    def create_breakout(self, parent: str, room: str, sequence: int) -> Answer:
        """A breakout room of a live meeting. Raises Refused, NoAnswer."""
        return self.create(
            room, isBreakout="true", parentMeetingID=parent, sequence=str(sequence), freeJoin="true"
        )

    def join(self, meeting: str, name: str, relayed: bool = False) -> Participant:
        """Raises Refused, NoAnswer."""
        joined = Participant(
            self.door, meeting, name, broke=self._broke, gap=self._gap, relayed=relayed
        )
        self.people[name] = joined
        return joined

    def heard(self) -> bool:
        """Wait until all flows of all have brought something; False if one does not in a gap."""
        now = time.monotonic()
        while time.monotonic() < now + self._gap:
            if all(person.heard_after(now) for person in list(self.people.values())):
                return True
            time.sleep(PACKET_EVERY)
        return False

    def leave(self, name: str) -> None:
        self.people.pop(name).leave()

    def leave_all(self) -> None:
        for name in list(self.people):
            self.leave(name)

    def _broke(self, what: Break) -> None:
        with self._lock:
            self._breaks.append(what)
