"""The API that the lab's nodes answer with is the documented one (BigBlueButton, api.md)."""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
import requests

from lab.bbb.door import Door, Refused
from lab.bbb.web.api import Api, Redirect
from lab.bbb.web.checksum import unsigned
from lab.bbb.web.daemon import STATE
from lab.bbb.web.meetings import LISTED_AFTER_END, Meeting
from lab.bbb.web.people import Flow
from lab.bbb.web.settings import OVERRIDE, NotConfigured, Settings
from lab.bbb.web.switches import Switches
from tests.unit.lab.bbb.node import SECRET, Node

IDS = ["sha1", "sha256", "sha384", "sha512"]


class Called:
    """The API without a network, with a clock that a test sets."""

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


@pytest.fixture
def call(tmp_path: Path) -> Called:
    return Called(Node(tmp_path))


def texts(element: ET.Element) -> dict[str, str]:
    return {each.tag: each.text or "" for each in element}


def test_the_root_of_the_api_needs_no_checksum_and_tells_no_version(call: Called) -> None:
    answer = call.api.answer("", "")
    assert isinstance(answer, ET.Element)
    told = texts(answer)
    assert told["returncode"] == "SUCCESS"
    assert (told["version"], told["apiVersion"], told["bbbVersion"]) == ("2.0", "2.0", "")


def test_the_version_is_told_if_the_host_reveals_it(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with (tmp_path / OVERRIDE).open("a") as stream:
        stream.write("allowRevealOfBBBVersion=true\n")
    answer = Called(node).api.answer("", "")
    assert isinstance(answer, ET.Element)
    assert answer.findtext("bbbVersion") == "3.0.35"


@pytest.mark.parametrize("algorithm", IDS)
def test_each_documented_algorithm_signs_a_call(call: Called, algorithm: str) -> None:
    assert call("getMeetings", algorithm).findtext("returncode") == "SUCCESS"


def test_an_algorithm_that_the_host_does_not_support_is_a_checksum_error(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with (tmp_path / OVERRIDE).open("a") as stream:
        stream.write("supportedChecksumAlgorithms=sha512\n")
    call = Called(node)
    assert call("getMeetings", "sha512").findtext("returncode") == "SUCCESS"
    assert call("getMeetings", "sha1").findtext("messageKey") == "checksumError"


def test_the_example_of_the_documentation_has_its_checksum(call: Called) -> None:
    query = "name=Test+Meeting&meetingID=abc123&attendeePW=111222&moderatorPW=333444"
    secret = "639259d4-9dd8-4b25-bf01-95f9567eaf4b"
    signed = f"{query}&checksum=1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17"
    text = f"create{unsigned(signed)}{secret}"
    assert hashlib.sha1(text.encode()).hexdigest() == "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17"


@pytest.mark.parametrize(
    "query", ["a=1&b=2&checksum=X", "checksum=X&a=1&b=2", "a=1&checksum=X&b=2"]
)
def test_what_is_signed_is_the_raw_query_wherever_the_checksum_is(query: str) -> None:
    assert unsigned(query) == "a=1&b=2"


@pytest.mark.parametrize("query", ["checksum=abc", "", "checksum=" + "0" * 64])
def test_a_wrong_or_missing_checksum_is_an_error_in_xml(call: Called, query: str) -> None:
    answer = call.api.answer("getMeetings", query)
    assert isinstance(answer, ET.Element)
    assert texts(answer)["returncode"] == "FAILED"
    assert texts(answer)["messageKey"] == "checksumError"


def test_no_meetings_is_a_success_with_a_key_of_its_own(call: Called) -> None:
    told = texts(call("getMeetings"))
    assert told["returncode"] == "SUCCESS"
    assert told["messageKey"] == "noMeetings"
    assert told["meetings"] == ""


def test_no_recordings_is_a_success(call: Called) -> None:
    told = texts(call("getRecordings"))
    assert (told["returncode"], told["messageKey"]) == ("SUCCESS", "noRecordings")


def test_a_meeting_about_to_begin_is_live_and_not_running(call: Called) -> None:
    call.create("room1", meta_Presenter="ops", voiceBridge="71296", attendeePW="ap")
    told = texts(call.listed()["room1"])
    assert (told["running"], told["hasUserJoined"], told["endTime"]) == ("false", "false", "0")
    assert (told["hasBeenForciblyEnded"], told["isBreakout"]) == ("false", "false")
    assert (told["voiceBridge"], told["attendeePW"]) == ("71296", "ap")
    assert call.listed()["room1"].findtext("metadata/presenter") == "ops"
    assert call.started == ["room1"]


def test_join_alone_registers_a_user_who_counts_once_the_client_is_there(call: Called) -> None:
    call.create("room1")
    call("join", meetingID="room1", fullName="ada", role="VIEWER", redirect="false")
    assert texts(call.listed()["room1"])["participantCount"] == "0"
    token = call.enter("room1", "bela")
    told = texts(call.listed()["room1"])
    assert (told["participantCount"], told["moderatorCount"]) == ("1", "1")
    assert (told["running"], told["hasUserJoined"]) == ("true", "true")
    assert call.listed()["room1"].findtext("attendees/attendee/fullName") == "bela"
    assert call("isMeetingRunning", meetingID="room1").findtext("running") == "true"
    call.leave(token)
    told = texts(call.listed()["room1"])
    assert (told["running"], told["hasUserJoined"]) == ("false", "true")


def test_a_second_create_is_a_warning_and_other_passwords_are_refused(call: Called) -> None:
    first = texts(call.create("room1", moderatorPW="mp"))
    again = texts(call.create("room1", moderatorPW="mp"))
    assert (again["returncode"], again["messageKey"]) == ("SUCCESS", "duplicateWarning")
    assert again["internalMeetingID"] == first["internalMeetingID"]
    assert call.create("room1", moderatorPW="other").findtext("messageKey") == "idNotUnique"


@pytest.mark.parametrize(
    ("name", "parameters", "key"),
    [
        ("create", {"name": "x"}, "missingParamMeetingID"),
        ("create", {"name": "x", "meetingID": "a,b"}, "validationError"),
        ("create", {"name": "x", "meetingID": "a"}, "sizeError"),
        ("create", {"meetingID": "room2"}, "validationError"),
        ("create", {"name": "x", "meetingID": "room2", "voiceBridge": "7"}, "nonUniqueVoiceBridge"),
        (
            "create",
            {"name": "x", "meetingID": "room2", "isBreakout": "true", "parentMeetingID": "none"},
            "parentMeetingDoesNotExist",
        ),
        ("join", {"meetingID": "none", "fullName": "ada"}, "notFound"),
        ("join", {"meetingID": "room1", "role": "VIEWER"}, "missingParamFullName"),
        ("join", {"meetingID": "room1", "fullName": "ada", "password": "x"}, "invalidPassword"),
        ("getMeetingInfo", {"meetingID": "none"}, "notFound"),
        ("end", {"meetingID": "none"}, "notFound"),
        ("end", {"meetingID": "room1", "password": "x"}, "invalidPassword"),
    ],
)
def test_errors_have_the_documented_keys(
    call: Called, name: str, parameters: dict[str, str], key: str
) -> None:
    call.create("room1", voiceBridge="7")
    told = texts(call(name, **parameters))
    assert (told["returncode"], told["messageKey"]) == ("FAILED", key)
    assert told["message"]


def test_a_full_meeting_takes_nobody_else(call: Called) -> None:
    call.create("room1", maxParticipants="1")
    call.enter("room1", "ada")
    told = texts(call("join", meetingID="room1", fullName="bela", role="VIEWER"))
    assert told["messageKey"] == "maxParticipantsReached"


def test_join_sends_a_browser_to_the_host_s_public_name(call: Called) -> None:
    created = call.create("room1")
    query = urlencode(
        {"meetingID": "room1", "fullName": "a", "password": created.findtext("attendeePW", "")}
    )
    checksum = hashlib.sha1(f"join{query}{SECRET}".encode()).hexdigest()
    answer = call.api.answer("join", f"{query}&checksum={checksum}")
    assert isinstance(answer, Redirect)
    assert answer.url.startswith("http://127.0.0.1/html5client/?sessionToken=")


def test_breakout_and_parent_name_each_other(call: Called) -> None:
    parent = call.create("room1").findtext("internalMeetingID")
    call.create(
        "room1-a", isBreakout="true", parentMeetingID="room1", sequence="2", freeJoin="true"
    )
    room, listed = call.listed()["room1-a"], call.listed()
    told = texts(room)
    assert (told["isBreakout"], told["parentMeetingID"]) == ("true", parent)
    assert (told["sequence"], told["freeJoin"]) == ("2", "true")
    assert listed["room1"].findtext("breakoutRooms/breakout") == "room1-a"
    call("end", meetingID="room1")
    assert call.ended == ["room1", "room1-a"]


def test_an_older_release_wraps_what_a_breakout_says_of_its_parent(
    call: Called, tmp_path: Path
) -> None:
    parent = call.create("room1").findtext("internalMeetingID")
    call.create("room1-a", isBreakout="true", parentMeetingID="room1")
    Node(tmp_path).switch("wrapped")
    assert call.listed()["room1-a"].findtext("breakout/parentMeetingID") == parent


def test_an_ended_meeting_is_listed_for_seconds_and_can_be_created_again(call: Called) -> None:
    call.create("room1")
    call.now += 3
    call("end", meetingID="room1")
    told = texts(call.listed()["room1"])
    assert (told["endTime"], told["hasBeenForciblyEnded"]) == ("1700000003000", "true")
    told = texts(call("join", meetingID="room1", fullName="ada", role="VIEWER"))
    assert told["messageKey"] == "meetingForciblyEnded"
    assert call.create("room1").findtext("messageKey") == ""
    call.now += LISTED_AFTER_END
    assert len(call("getMeetings").findall("meetings/meeting")) == 1


@pytest.mark.parametrize(
    ("minutes", "parameters"),
    [(5, {}), (7, {"meetingExpireIfNoUserJoinedInMinutes": "7"})],
)
def test_a_meeting_that_nobody_joins_goes_by_itself(
    call: Called, minutes: int, parameters: dict[str, str]
) -> None:
    call.create("room1", **parameters)
    call.now += minutes * 60 - 1
    assert texts(call.listed()["room1"])["endTime"] == "0"
    call.now += 1
    told = texts(call.listed()["room1"])
    assert told["endTime"] == str(1_700_000_000_000 + minutes * 60_000)
    assert told["hasBeenForciblyEnded"] == "false"


def test_a_meeting_that_all_have_left_goes_a_minute_later(call: Called) -> None:
    call.create("room1")
    token = call.enter("room1", "ada")
    call.now += 3600
    assert texts(call.listed()["room1"])["endTime"] == "0"
    call.leave(token)
    call.now += 59
    assert texts(call.listed()["room1"])["endTime"] == "0"
    call.now += 1
    assert texts(call.listed()["room1"])["endTime"] != "0"


def test_a_switch_makes_minutes_short(call: Called, tmp_path: Path) -> None:
    Node(tmp_path).switch("minute", "0.5")
    call.create("room1")
    call.now += 2.5
    assert texts(call.listed()["room1"])["endTime"] != "0"


def test_secret_and_url_come_from_etc_at_the_start_alone(tmp_path: Path) -> None:
    with Node(tmp_path).runs() as node:
        node.write(OVERRIDE, "securitySalt=other\nbigbluebutton.web.serverURL=http://127.0.0.1\n")
        node.door.call("getMeetings")
    with node.runs(), pytest.raises(Refused) as refused:
        node.door.call("getMeetings")
    assert refused.value.key == "checksumError"


def test_without_the_file_in_etc_the_package_s_random_secret_counts(tmp_path: Path) -> None:
    node = Node(tmp_path)
    (tmp_path / OVERRIDE).unlink()
    with node.runs():
        Door(node.url, "random").call("getMeetings")


def test_a_host_without_a_secret_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured):
        Settings.read(tmp_path)


def post(node: Node, query: str, data: Any) -> ET.Element:
    answer = requests.post(f"{node.url}/create{query}", data=data, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/xml")
    return ET.fromstring(answer.text)


def test_a_post_is_signed_by_the_url_s_query(node: Node) -> None:
    checksum = hashlib.sha1(f"create{SECRET}".encode()).hexdigest()
    body = {"meetingID": "room1", "name": "Room"}
    assert post(node, "", {**body, "checksum": checksum}).findtext("meetingID") == "room1"
    signed = hashlib.sha1(f"createmeetingID=room2{SECRET}".encode()).hexdigest()
    answer = post(node, f"?meetingID=room2&checksum={signed}", {"name": "Room"})
    assert answer.findtext("meetingID") == "room2"
    assert post(node, "", body).findtext("messageKey") == "checksumError"


def test_posted_slides_are_no_parameters(node: Node) -> None:
    query = "meetingID=room1&name=Room"
    checksum = hashlib.sha1(f"create{query}{SECRET}".encode()).hexdigest()
    url = f"{node.url}/create?{query}&checksum={checksum}"
    headers = {"Content-Type": "application/xml"}
    answer = requests.post(url, data="<modules>&name=x</modules>", headers=headers, timeout=10)
    assert ET.fromstring(answer.text).findtext("returncode") == "SUCCESS"


def test_what_is_no_call_fails_as_xml_and_what_is_no_api_is_not_there(node: Node) -> None:
    assert "unsupportedRequest" in requests.get(f"{node.url}/publish", timeout=10).text
    assert requests.get(node.url.replace("/api", "/other"), timeout=10).status_code == 404
