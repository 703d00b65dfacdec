"""Clients of the API that others wrote get from the lab's nodes what they expect.

bbbctl signs by sha1 and reads by ElementTree. bbb-client fails without each of the fields that it
knows (startTime, endTime, maxUsers, ...), and without text/xml. bigbluebutton-api-python fails
without the fields of meetings and attendees that were documented in 2020.
"""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from bbb_client.domain.meeting_management import model as bbb_client
from bbbctl import ApiError, BBBApiClient
from bbbctl import main as bbbctl
from bigbluebutton_api_python import BigBlueButton
from bigbluebutton_api_python.exception import BBBException

from lab.bbb.participants import Crowd
from tests.unit.lab.bbb.node import LOOPBACK, SECRET, Node


@pytest.fixture
def ctl(node: Node) -> Any:
    return BBBApiClient(node.url, SECRET)


@pytest.fixture
def client(node: Node) -> Any:
    return bbb_client.Bbb(node.url, SECRET)


@pytest.fixture
def old(node: Node) -> Any:
    return BigBlueButton(f"http://{LOOPBACK}:{node.daemon.port}/bigbluebutton/", SECRET)


def test_bbbctl_goes_through_the_life_of_a_meeting(ctl: Any, crowd: Crowd) -> None:
    assert ctl.getMeetings() == []
    assert ctl.getRecordings() == []
    created = ctl.createMeeting("room1", "A room", meta_origin="tests")
    crowd.join("room1", "ada")
    info = ctl.getMeetingInfo("room1")
    assert info.findtext("createTime") == created.findtext("createTime")
    assert [it.findtext("fullName") for it in info.findall("attendees/attendee")] == ["ada"]
    ctl.end("room1", password=info.findtext("moderatorPW"))
    (listed,) = ctl.getMeetings()
    assert listed.findtext("endTime") != "0"


def test_bbbctl_s_own_json_of_the_list_has_numbers_where_it_wants_numbers(
    node: Node, crowd: Crowd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    crowd.create("room1")
    crowd.create_breakout("room1", "room1-a", 1)
    crowd.join("room1-a", "ada")
    words = ["--server", node.url, "--secret", SECRET, "--format", "jsonline", "meeting", "list"]
    monkeypatch.setattr("sys.argv", ["bbbctl", *words])
    bbbctl()
    room, breakout = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (room["participantCount"], room["endTime"], room["isBreakout"]) == (0, 0, False)
    assert (breakout["participantCount"], breakout["running"]) == (1, True)
    assert breakout["parentMeetingID"] == room["internalMeetingID"]


def test_bbbctl_s_join_link_leads_to_the_client_of_the_host(ctl: Any, node: Node) -> None:
    ctl.createMeeting("room1", "A room")
    link = ctl.getJoinLink("room1", "ada", role="MODERATOR")
    with node.door.get(link) as answer:
        assert answer.status == 302
        assert urlsplit(answer.getheader("Location", "")).path == "/html5client/"


def test_bbbctl_tells_a_wrong_secret(node: Node) -> None:
    with pytest.raises(ApiError, match="checksumError"):
        BBBApiClient(node.url, "wrong").getMeetings()


def test_bbb_client_finds_all_that_it_wants_of_a_meeting(client: Any, crowd: Crowd) -> None:
    assert client.get_meetings() == []
    assert client.create_meeting("room1", "A room", "mp", "ap", 7)
    assert not client.create_meeting("room1", "A room", "mp", "ap", 7), "a warning is no success"
    crowd.join("room1", "ada")
    (listed,) = client.get_meetings()
    info = client.get_meeting_info("room1")
    assert listed == info
    assert (info.moderatorPW, info.attendeePW, info.maxUsers) == ("mp", "ap", "7")
    assert (info.participants, info.endTime) == (["ada"], "0")
    assert client.end_meeting("room1")


def test_bbb_client_tells_errors_apart(client: Any, node: Node) -> None:
    with pytest.raises(bbb_client.MeetingDoesNotExist):
        client.get_meeting_info("nowhere")
    with pytest.raises(bbb_client.ChecksumError):
        bbb_client.Bbb(node.url, "wrong").get_meetings()
    node.switch("proxy")
    with pytest.raises(bbb_client.BadResponseFromServer):
        client.get_meetings()


def test_the_python_library_of_2020_finds_its_fields(old: Any, crowd: Crowd) -> None:
    assert old.get_api_version().get_field("version") == "2.0"
    assert old.get_meetings().get_meetings() == []
    old.create_meeting("room1", {"name": "A room", "record": "true"}, {"origin": "tests"})
    crowd.join("room1", "ada")
    # The library takes a list of one meeting for that meeting, which is its own mistake.
    crowd.create("room2")
    listed, _ = old.get_meetings().get_meetings()
    assert listed.has_user_joined()
    assert listed.get_participantcount() == 1
    answer = old.get_meeting_info("room1")
    info = answer.get_meetinginfo()
    assert info.is_recording()
    assert info.get_end_time() == 0.0
    (attendee,) = answer.get_attendees()
    assert (attendee.get_fullname(), attendee.get_role()) == ("ada", "MODERATOR")
    with pytest.raises(BBBException):
        old.get_meeting_info("nowhere")
