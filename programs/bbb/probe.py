"""How the API answers, in numbers alone: who meets, and how a meeting is called, stays here."""

import time
from typing import Any
from xml.etree import ElementTree

from programs.bbb import change, lock, meetings, secrets
from programs.bbb.failed import Failed
from programs.bbb.root import Root

# An API that is well answers within milliseconds.
SECONDS = 3.0
# By what is told, the element of a meeting that is added up.
COUNTED = {
    "participants": "participantCount",
    "listeners": "listenerCount",
    "voice": "voiceParticipantCount",
    "video": "videoCount",
}


def probe(root: Root) -> dict[str, Any]:
    """PROBE: the answer, as in programs.bbb.meetings, and after how many seconds it was whole.

    Only an answer that is `known` has `meetings`, and the sums of COUNTED over all of them: an API
    that refuses, or is slow, says nothing about people. changing: whether a change is at work.
    """
    begun = time.monotonic()
    try:
        counted, answer = _counted(root), "known"
    except meetings.NoAnswer as error:
        counted, answer = {}, error.answer
    except Failed:
        counted, answer = {}, "strange"
    seconds = round(time.monotonic() - begun, 3)
    return {
        "answer": answer,
        "seconds": seconds,
        "changing": change.runs() or lock.is_held(root),
        **counted,
    }


def _counted(root: Root) -> dict[str, int]:
    secret = secrets.live(root)
    if secret is None:
        raise meetings.NoAnswer("unreachable", "BBB is not installed here")
    found = meetings.call(root, secret, "getMeetings", SECONDS)
    live = {it.id for it in meetings.listed(found)}
    each = [it for it in found.iter("meeting") if it.findtext("meetingID") in live]
    sums = {name: sum(_number(it, tag) for it in each) for name, tag in COUNTED.items()}
    return {"meetings": len(live), **sums}


def _number(meeting: ElementTree.Element, tag: str) -> int:
    # Not each release has each of these.
    text = meeting.findtext(tag, "").strip()
    return int(text) if text.isdecimal() and len(text) < 10 else 0
