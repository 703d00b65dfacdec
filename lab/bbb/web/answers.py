"""The XML of bbb-web's answers, field by field in the order of its templates."""

import re
import time
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from lab.bbb.web.meetings import NO_PARENT, Meeting
from lab.bbb.web.people import User

Value = str | int | bool
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def response(returncode: str, fields: Mapping[str, Value]) -> ET.Element:
    root = ET.Element("response")
    put(root, {"returncode": returncode, **fields})
    return root


def success(**fields: Value) -> ET.Element:
    return response("SUCCESS", fields)


def failed(key: str, message: str) -> ET.Element:
    return response("FAILED", {"messageKey": key, "message": message})


def written(root: ET.Element) -> bytes:
    return ET.tostring(root, encoding="unicode").encode()


def put(parent: ET.Element, fields: Mapping[str, Value]) -> None:
    """Add an element a field. A truth is `true` or `false`."""
    for name, value in fields.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        ET.SubElement(parent, name).text = _CONTROLS.sub("", text)


def created(meeting: Meeting, key: str, message: str) -> ET.Element:
    return success(
        meetingID=meeting.external_id,
        internalMeetingID=meeting.internal_id,
        parentMeetingID=meeting.parent or NO_PARENT,
        attendeePW=meeting.attendee_password,
        moderatorPW=meeting.moderator_password,
        createTime=_milliseconds(meeting.created),
        voiceBridge=meeting.voice_bridge,
        dialNumber=meeting.dial_number,
        createDate=_date(meeting.created),
        hasUserJoined=meeting.has_user_joined,
        duration=meeting.duration,
        hasBeenForciblyEnded=meeting.forcibly_ended,
        messageKey=key,
        message=message,
    )


def put_meeting(parent: ET.Element, meeting: Meeting, wrapped: bool) -> None:
    """Add all that getMeetings and getMeetingInfo tell of a meeting."""
    present = meeting.present
    put(
        parent,
        {
            "meetingName": meeting.name,
            "meetingID": meeting.external_id,
            "internalMeetingID": meeting.internal_id,
            "createTime": _milliseconds(meeting.created),
            "createDate": _date(meeting.created),
            "voiceBridge": meeting.voice_bridge,
            "dialNumber": meeting.dial_number,
            "attendeePW": meeting.attendee_password,
            "moderatorPW": meeting.moderator_password,
            "running": meeting.running,
            "duration": meeting.duration,
            "hasUserJoined": meeting.has_user_joined,
            "recording": meeting.record,
            "hasBeenForciblyEnded": meeting.forcibly_ended,
            "startTime": _milliseconds(meeting.created) + 18,
            "endTime": 0 if meeting.ended is None else _milliseconds(meeting.ended),
            "participantCount": len(present),
            "listenerCount": 0,
            "voiceParticipantCount": sum(_has_voice(user) for user in present),
            "videoCount": 0,
            "maxUsers": meeting.max_users,
            "moderatorCount": sum(user.role == "MODERATOR" for user in present),
        },
    )
    attendees = ET.SubElement(parent, "attendees")
    for user in present:
        put(ET.SubElement(attendees, "attendee"), _attendee(user, user is present[0]))
    metadata = {key: value for key, value in meeting.metadata.items() if _NAME.fullmatch(key)}
    put(ET.SubElement(parent, "metadata"), metadata)
    put(parent, {"isBreakout": meeting.parent is not None})
    if meeting.parent is not None:
        put(
            ET.SubElement(parent, "breakout") if wrapped else parent,
            {
                "parentMeetingID": meeting.parent,
                "sequence": meeting.sequence,
                "freeJoin": meeting.free_join,
            },
        )
    if meeting.breakouts:
        rooms = ET.SubElement(parent, "breakoutRooms")
        for room in meeting.breakouts:
            put(rooms, {"breakout": room})


def _attendee(user: User, first: bool) -> Mapping[str, Value]:
    return {
        "userID": user.external_id or user.internal_id,
        "fullName": user.name,
        "role": user.role,
        "isPresenter": first,
        "isListeningOnly": False,
        "hasJoinedVoice": _has_voice(user),
        "hasVideo": False,
        "clientType": "HTML5",
    }


def _has_voice(user: User) -> bool:
    return user.media is not None and user.media.broken is None


def _milliseconds(moment: float) -> int:
    return int(moment * 1000)


def _date(moment: float) -> str:
    return time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(moment))
