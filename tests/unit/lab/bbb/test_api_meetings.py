"""A meeting of the lab's nodes lives as one of BigBlueButton: begun, empty, full, ended, gone."""

from pathlib import Path

import pytest

from lab.bbb.web.meetings import LISTED_AFTER_END
from tests.unit.lab.bbb.called import Called, texts
from tests.unit.lab.bbb.node import Node


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


def test_a_full_meeting_takes_nobody_else(call: Called) -> None:
    call.create("room1", maxParticipants="1")
    call.enter("room1", "ada")
    told = texts(call("join", meetingID="room1", fullName="bela", role="VIEWER"))
    assert told["messageKey"] == "maxParticipantsReached"


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
