"""Asks the node's own bbb-web which meetings are live.

Five answers, and only one of them has a list: `known`; `refused` (the secret is wrong),
`unreachable`, `slow`, and `strange` (anything else). An API that is down says nothing about media:
people may still talk. So nobody may take the other four for an empty list.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree
from xml.parsers import expat

from programs.bbb import secrets
from programs.bbb.failed import Failed
from programs.bbb.fetch import Server, fetch
from programs.bbb.root import Root
from programs.bbb.units import units

SECONDS = 10.0
# What has the meetings' state beside bbb-web. A start of the node starts both at once.
WEB, CARRIER = "bbb-web.service", "bbb-apps-akka.service"
TOGETHER_SECONDS = 120.0
MOST_BYTES = 16 * 2**20
# What supportedChecksumAlgorithms may name, the best first: bigbluebutton.properties of bbb-web.
ALGORITHMS = {"sha512": "sha512", "sha384": "sha384", "sha256": "sha256", "sha1": "sha1"}


class NoAnswer(Failed):
    """answer: refused, unreachable, slow, or strange"""

    def __init__(self, answer: str, why: str) -> None:
        super().__init__(why)
        self.answer = answer


@dataclass(frozen=True)
class Meeting:
    """breakout_of: the parent's id; begun: somebody has joined; created: in seconds since 1970"""

    id: str
    name: str
    people: int
    breakout_of: str | None
    begun: bool
    created: int


def answer(root: Root) -> dict[str, Any]:
    """MEETINGS, as `look` and `meetings` print it: a list only if the answer is `known`."""
    try:
        found = live(root)
        _refuse_if_forgetful()
    except NoAnswer as error:
        return {"answer": error.answer, "why": str(error)}
    except Failed as error:
        return {"answer": "strange", "why": str(error)}
    return {"answer": "known", "meetings": [vars(it) for it in found], "making": making(root)}


def _refuse_if_forgetful() -> None:
    """Raises NoAnswer if bbb-web has started anew by itself: it forgets its meetings by that.

    They go on without it: #13155 of bigbluebutton. Who is in them only their media tell.
    """
    web, carrier = units([WEB, CARRIER]).values()
    if web.began and carrier.began and web.began - carrier.began > TOGETHER_SECONDS:
        raise NoAnswer(
            "strange",
            "bbb-web was started anew by itself, so it does not know of meetings from before, and "
            "people may be in them: once nobody is (fs_cli -x 'show channels'), run bbb-conf "
            "--restart, which ends what is left",
        )


def making(root: Root) -> int:
    """How many recordings are being made: a stop of BBB kills the job, and nobody starts it again.

    A worker of resque says so in its title: lib/resque/worker.rb. Public reports: #13182, #14759.
    """
    titles = [_title(file) for file in root.at("/proc").glob("[0-9]*/cmdline")]
    return sum(it.startswith(b"resque") and b": Processing " in it for it in titles)


def _title(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        # The process has ended meanwhile.
        return b""


def live(root: Root) -> list[Meeting]:
    """The live meetings. Raises NoAnswer, or Failed if the node's own files cannot be read."""
    secret = secrets.live(root)
    if secret is None:
        raise NoAnswer("unreachable", "BBB is not installed here: no file has an API secret")
    return listed(call(root, secret, "getMeetings"))


def call(
    root: Root, secret: str, name: str, seconds: float | None = None, /, **values: str
) -> ElementTree.Element:
    """Call the API and return its SUCCESS. Raises NoAnswer; a FAILED is `strange` or `refused`.

    seconds: how long the whole answer may take; SECONDS if None
    """
    query = urlencode(values)
    checksum = hashlib.new(_algorithm(root), f"{name}{query}{secret}".encode()).hexdigest()
    url = f"{root.api}/bigbluebutton/api/{name}?{query}{'&' if query else ''}checksum={checksum}"
    found = parsed(_fetched(url, seconds or SECONDS))
    if found.findtext("returncode") == "SUCCESS":
        return found
    key = found.findtext("messageKey") or "no messageKey"
    if key == "checksumError":
        raise NoAnswer("refused", "bbb-web refuses the secret in the node's own files")
    raise NoAnswer("strange", f"bbb-web answered {name} with {_short(key)}")


def parsed(data: bytes) -> ElementTree.Element:
    """BBB's XML, its element `response`. Raises NoAnswer: an entity could stand for gigabytes."""

    def refuse(*_: object) -> None:
        raise NoAnswer("strange", "the answer has a document type, which BBB never sends")

    reader = expat.ParserCreate()
    reader.StartDoctypeDeclHandler = refuse
    try:
        reader.Parse(data, True)
        found = ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, ValueError):
        raise NoAnswer("strange", f"the answer is no XML: {_short(repr(data[:60]))}") from None
    if found.tag != "response":
        raise NoAnswer("strange", f"the answer is none of BBB's: {_short(found.tag)}")
    return found


def listed(found: ElementTree.Element) -> list[Meeting]:
    """Those that are live, whether anybody has joined or not. Raises NoAnswer."""
    around = found.find("meetings")
    if around is None:
        if found.findtext("messageKey") == "noMeetings":
            return []
        raise NoAnswer("strange", "the answer has no list of meetings")
    # A breakout room names its parent by the internal ID.
    ids = {it.findtext("internalMeetingID", ""): it.findtext("meetingID", "") for it in around}
    meetings = []
    for it in around:
        if it.tag != "meeting":
            raise NoAnswer("strange", f"the list of meetings has {_short(it.tag)}")
        if not _is_over(it):
            meetings.append(_meeting(it, ids))
    return meetings


def _is_over(it: ElementTree.Element) -> bool:
    """Whether it has ended. A running meeting may have an endTime: #1837 of bigbluebutton."""
    ended = _number(it, "endTime") != 0 or it.findtext("hasBeenForciblyEnded") == "true"
    return ended and not (it.findtext("running") == "true" and _number(it, "participantCount"))


def _meeting(it: ElementTree.Element, ids: Mapping[str, str]) -> Meeting:
    name = it.findtext("meetingID")
    if not name:
        raise NoAnswer("strange", "a meeting has no meetingID")
    parent = it.findtext("breakout/parentMeetingID") or it.findtext("parentMeetingID", "")
    return Meeting(
        name,
        it.findtext("meetingName") or name,
        _number(it, "participantCount"),
        (ids.get(parent) or parent) if parent else None,
        "true" in (it.findtext("running"), it.findtext("hasUserJoined")),
        _number(it, "createTime") // 1000,
    )


def _number(it: ElementTree.Element, name: str) -> int:
    value = it.findtext(name) or ""
    if not re.fullmatch(r"[0-9]{1,18}", value.strip()):
        raise NoAnswer("strange", f"a meeting has no number as {name}")
    return int(value)


def _algorithm(root: Root) -> str:
    allowed = (secrets.setting(root, "supportedChecksumAlgorithms") or "").split(",")
    names = {it.strip().lower() for it in allowed}
    return next((ours for theirs, ours in ALGORITHMS.items() if theirs in names), "sha256")


def _fetched(url: str, seconds: float) -> bytes:
    """The body. Raises NoAnswer, whose text has no checksum in it."""
    it = urlsplit(url)
    try:
        server = Server(it.hostname or "", it.port or 80)
        status, body = fetch(server, f"{it.path}?{it.query}", seconds, MOST_BYTES)
    except TimeoutError:
        raise NoAnswer("slow", f"no whole answer within {seconds:.0f} s") from None
    except OSError as error:
        raise NoAnswer("unreachable", f"bbb-web does not answer: {error.strerror}") from None
    except Failed as error:
        raise NoAnswer("strange", str(error)) from None
    # Some of BBB's versions say 401 with their XML.
    if status not in (200, 401):
        raise NoAnswer("strange", f"HTTP status {status}")
    return body


def _short(text: str) -> str:
    return text[:80]
