"""The calls of BigBlueButton's API that create, fill, list and end meetings."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from lab.bbb.web import answers
from lab.bbb.web.checksum import is_right, parameters
from lab.bbb.web.meetings import Meeting, Meetings, Refused, internal_id
from lab.bbb.web.people import User
from lab.bbb.web.settings import Settings
from lab.bbb.web.switches import Switches

Parameters = Mapping[str, str]
DUPLICATE = (
    "duplicateWarning",
    "This conference was already in existence and may currently be in progress.",
)
MODERATOR, VIEWER = "MODERATOR", "VIEWER"


@dataclass(frozen=True)
class Redirect:
    """`join` sends the browser here."""

    url: str


class Api:
    """One host's API. Each call is one step: `lock` is held meanwhile.

    started: called for each meeting that was created, to give it its media
    ended: called for each meeting that ended
    """

    def __init__(
        self,
        settings: Settings,
        switches: Switches,
        started: Callable[[Meeting], None],
        ended: Callable[[Meeting], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings, self.switches = settings, switches
        self.lock = threading.RLock()
        self.meetings = Meetings(clock, lambda: switches.seconds("minute", 60.0), ended)
        self._clock, self._started = clock, started
        self._stale_since = clock()
        self._calls: Mapping[str, Callable[[Parameters], ET.Element | Redirect]] = {
            "create": self._create,
            "join": self._join,
            "isMeetingRunning": self._is_running,
            "getMeetings": self._get_meetings,
            "getMeetingInfo": self._get_meeting_info,
            "end": self._end,
            "getRecordings": self._get_recordings,
        }

    def answer(self, call: str, query: str, body: str = "") -> ET.Element | Redirect | None:
        """The answer to a call; None if the API has no such call.

        query: of the URL, raw; what was posted is in body, and only the query is signed
        """
        if not call:
            return self._version()
        if call not in self._calls:
            return None
        values = {**parameters(body), **parameters(query)}
        if (key := self.switches.value("fail")) is not None:
            return answers.failed(key or "internalError", "An error was switched on")
        if not self._is_signed(call, query, values.get("checksum", "")):
            return answers.failed("checksumError", "Checksums do not match")
        with self.lock:
            self.tidy()
            try:
                return self._calls[call](values)
            except Refused as error:
                return answers.failed(error.key, error.message)

    def tidy(self) -> None:
        """End what is over, and list what a test has made stale."""
        with self.lock:
            self.meetings.tidy()
            listed = self.switches.set_since("stale", self._stale_since)
            for external_id in (listed or "").split():
                if self.meetings.live(external_id) is None:
                    meeting = self._new(external_id, {"name": external_id})
                    meeting.stale = meeting.has_user_joined = True
                    self.meetings.add(meeting)

    def _is_signed(self, call: str, query: str, checksum: str) -> bool:
        if self.switches.value("wrong-secret") is not None:
            return False
        settings = self.settings
        return is_right(call, query, checksum, settings.secret, settings.algorithms)

    def _version(self) -> ET.Element:
        settings = self.settings
        return answers.success(
            version="2.0",
            apiVersion="2.0",
            bbbVersion=settings.release if settings.reveals_version else "",
            graphqlWebsocketUrl=f"{settings.url.replace('http', 'ws', 1)}/graphql",
            graphqlApiUrl=f"{settings.url}/api/rest",
        )

    def _create(self, given: Parameters) -> ET.Element:
        external_id = _meeting_id(given)
        if not given.get("name"):
            raise Refused("validationError", "You must provide a meeting name")
        existing = self.meetings.live(external_id)
        if existing is not None:
            passwords = (existing.attendee_password, existing.moderator_password)
            wanted = (given.get("attendeePW", passwords[0]), given.get("moderatorPW", passwords[1]))
            if wanted != passwords:
                raise Refused(
                    "idNotUnique",
                    "A meeting already exists with that meeting ID. "
                    "Please use a different meeting ID.",
                )
            return answers.created(existing, *DUPLICATE)
        meeting = self._new(external_id, given)
        self.meetings.add(meeting)
        self._started(meeting)
        return answers.created(meeting, "", "")

    def _new(self, external_id: str, given: Parameters) -> Meeting:
        """Raises Refused for a breakout room without a parent that is live."""
        now = self._clock()
        parent = self._parent(given) if given.get("isBreakout") == "true" else None
        meta = {key[5:].lower(): it for key, it in given.items() if key.startswith("meta_")}
        settings = self.settings
        return Meeting(
            external_id=external_id,
            internal_id=internal_id(external_id, now),
            name=given["name"],
            created=now,
            attendee_password=given.get("attendeePW") or secrets.token_hex(4),
            moderator_password=given.get("moderatorPW") or secrets.token_hex(4),
            voice_bridge=given.get("voiceBridge") or self.meetings.free_bridge(),
            dial_number=given.get("dialNumber") or settings.dial_number,
            duration=int(given.get("duration") or 0),
            record=given.get("record") == "true",
            max_users=int(given.get("maxParticipants") or settings.max_users),
            metadata=meta,
            parent=None if parent is None else parent.internal_id,
            sequence=int(given.get("sequence") or 0),
            free_join=given.get("freeJoin") == "true",
            empty_minutes=int(given.get("meetingExpireIfNoUserJoinedInMinutes") or settings.empty),
            left_minutes=int(given.get("meetingExpireWhenLastUserLeftInMinutes") or settings.left),
        )

    def _parent(self, given: Parameters) -> Meeting:
        wanted = given.get("parentMeetingID", "")
        live = (it for it in self.meetings.all.values() if it.ended is None)
        for meeting in live:
            if wanted in (meeting.external_id, meeting.internal_id):
                return meeting
        raise Refused("parentMeetingDoesNotExist", "No parent meeting exists for the breakout room")

    def _join(self, given: Parameters) -> ET.Element | Redirect:
        meeting = self.meetings.any(_meeting_id(given))
        if meeting.ended is not None:
            raise Refused(
                "meetingForciblyEnded",
                "You can not join a meeting that has already been forcibly ended",
            )
        if not given.get("fullName", "").strip():
            raise Refused("missingParamFullName", "You must provide your name")
        if meeting.max_users and len(meeting.present) >= meeting.max_users:
            raise Refused(
                "maxParticipantsReached", "The number of participants allowed has been reached"
            )
        user = User(
            name=given["fullName"].strip(),
            role=_role(given, meeting),
            external_id=given.get("userID", ""),
            relayed=given.get("userdata-lab_relayed") == "true",
        )
        meeting.users[user.token] = user
        url = f"{self.settings.url}/html5client/?sessionToken={user.token}"
        if given.get("redirect") != "false":
            return Redirect(url)
        return answers.success(
            messageKey="successfullyJoined",
            message="You have joined successfully.",
            meeting_id=meeting.internal_id,
            user_id=user.internal_id,
            auth_token=secrets.token_hex(6),
            session_token=user.token,
            guestStatus="ALLOW",
            url=url,
        )

    def _is_running(self, given: Parameters) -> ET.Element:
        meeting = self.meetings.live(_meeting_id(given))
        return answers.success(running=meeting is not None and meeting.running)

    def _get_meetings(self, _: Parameters) -> ET.Element:
        root = answers.success()
        meetings = ET.SubElement(root, "meetings")
        for meeting in self.meetings.all.values():
            answers.put_meeting(ET.SubElement(meetings, "meeting"), meeting, self._wrapped)
        if not self.meetings.all:
            message = "no meetings were found on this server"
            answers.put(root, {"messageKey": "noMeetings", "message": message})
        return root

    def _get_meeting_info(self, given: Parameters) -> ET.Element:
        root = answers.success()
        answers.put_meeting(root, self.meetings.any(_meeting_id(given)), self._wrapped)
        return root

    def _end(self, given: Parameters) -> ET.Element:
        meeting = self.meetings.any(_meeting_id(given))
        if given.get("password") not in (None, meeting.moderator_password):
            raise Refused("invalidPassword", "Provided moderator password is incorrect")
        self.meetings.end(meeting, "the meeting was ended", forcibly=True)
        return answers.success(
            messageKey="sentEndMeetingRequest",
            message="A request to end the meeting was sent. Please wait a few seconds, and then "
            "use the getMeetingInfo or isMeetingRunning API calls to verify that it was ended",
        )

    def _get_recordings(self, _: Parameters) -> ET.Element:
        root = answers.success()
        ET.SubElement(root, "recordings")
        message = "There are no recordings for the meeting(s)."
        answers.put(root, {"messageKey": "noRecordings", "message": message})
        return root

    @property
    def _wrapped(self) -> bool:
        return self.switches.value("wrapped") is not None


def _meeting_id(given: Parameters) -> str:
    """Raises Refused."""
    external_id = given.get("meetingID", "").strip()
    if not external_id:
        raise Refused("missingParamMeetingID", "You must provide a meeting ID")
    if not 2 <= len(external_id) <= 256:
        raise Refused("sizeError", "Meeting ID must be between 2 and 256 characters")
    if "," in external_id:
        raise Refused("validationError", "Meeting ID cannot contain ','")
    return external_id


def _role(given: Parameters, meeting: Meeting) -> str:
    """By `role`, or by the password as older callers do. Raises Refused."""
    if (role := given.get("role", "").upper()) in (MODERATOR, VIEWER):
        return role
    passwords = {meeting.attendee_password: VIEWER, meeting.moderator_password: MODERATOR}
    if given.get("password") not in passwords:
        raise Refused("invalidPassword", "The supplied password is incorrect")
    return passwords[given["password"]]
