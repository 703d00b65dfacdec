"""The API without a network, as tests call it."""

import hashlib
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from lab.bbb.web.api import Api
from lab.bbb.web.daemon import STATE
from lab.bbb.web.meetings import Meeting
from lab.bbb.web.people import Flow
from lab.bbb.web.settings import Settings
from lab.bbb.web.switches import Switches
from tests.unit.lab.bbb.node import SECRET, Node


class Called:
    """One host's API. now: what its clock says, in epoch seconds."""

    def __init__(self, node: Node) -> None:
        self.now = 1_700_000_000.0
        self.started: list[str] = []
        self.ended: list[str] = []
        settings, switches = Settings.read(node.root), Switches(node.root / STATE / "switches")
        self.api = Api(settings, switches, self._start, self._end, lambda: self.now)

    def _start(self, meeting: Meeting) -> None:
        self.started.append(meeting.external_id)

    def _end(self, meeting: Meeting) -> None:
        self.ended.append(meeting.external_id)

    def __call__(self, call: str, algorithm: str = "sha256", **parameters: str) -> ET.Element:
        query = urlencode(parameters)
        checksum = hashlib.new(algorithm, f"{call}{query}{SECRET}".encode()).hexdigest()
        answer = self.api.answer(call, f"{query}&checksum={checksum}")
        assert isinstance(answer, ET.Element)
        return answer

    def create(self, meeting: str, **parameters: str) -> ET.Element:
        return self("create", meetingID=meeting, name=meeting, **parameters)

    def enter(self, meeting: str, name: str, role: str = "MODERATOR") -> str:
        """Join, and hold the signals as a client does; returns the session token."""
        joined = self("join", meetingID=meeting, fullName=name, role=role, redirect="false")
        token = joined.findtext("session_token", "")
        found = self.api.meetings.user(token)
        assert found is not None
        found[1].signals = Flow({})
        self.api.meetings.arrived(found[0])
        return token

    def leave(self, token: str) -> None:
        found = self.api.meetings.user(token)
        assert found is not None
        self.api.meetings.left(*found)

    def listed(self) -> dict[str, ET.Element]:
        """What getMeetings tells, by meetingID."""
        meetings = self("getMeetings").findall("meetings/meeting")
        return {it.findtext("meetingID", ""): it for it in meetings}


def texts(element: ET.Element) -> dict[str, str]:
    return {each.tag: each.text or "" for each in element}
