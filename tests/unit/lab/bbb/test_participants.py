"""Whoever takes part notices whatever cuts a meeting, and nothing else."""

import pytest

from lab.bbb.door import NoAnswer, Refused
from lab.bbb.participants import Crowd
from lab.bbb.web.daemon import DATABASE
from tests.unit.lab.bbb.node import Node, wait


def broken(crowd: Crowd) -> list[tuple[str, str]]:
    """Who has a break, and in which flow."""
    return sorted((it.who, it.flow) for it in crowd.breaks)


def meeting_with_two(crowd: Crowd) -> None:
    """ada and bela are in the meeting room1, and both have media."""
    crowd.create("room1")
    crowd.join("room1", "ada")
    crowd.join("room1", "bela")

    def both_have_voice() -> bool:
        return (
            crowd.door.call("getMeetingInfo", meetingID="room1").text("voiceParticipantCount")
            == "2"
        )

    wait(both_have_voice, "both have media")


BOTH = [("ada", "media"), ("ada", "signals"), ("bela", "media"), ("bela", "signals")]


def test_nothing_breaks_while_people_come_and_go(crowd: Crowd) -> None:
    meeting_with_two(crowd)
    crowd.leave("ada")
    crowd.join("room1", "ada")
    crowd.join("room1", "carl").leave()
    wait(lambda: people(crowd, "room1") == 2, "carl has left")
    assert not crowd.breaks


def people(crowd: Crowd, meeting: str) -> int:
    return int(crowd.door.call("getMeetingInfo", meetingID=meeting).text("participantCount"))


def test_the_end_of_a_meeting_breaks_signals_and_media_of_all_who_are_in_it(crowd: Crowd) -> None:
    meeting_with_two(crowd)
    crowd.create("room2")
    crowd.join("room2", "dana")
    crowd.door.call("end", meetingID="room1")
    wait(lambda: broken(crowd) == BOTH, "all four flows are broken")


def test_a_stop_of_the_daemon_breaks_all_flows(node: Node, crowd: Crowd) -> None:
    meeting_with_two(crowd)
    node.daemon.stop()
    wait(lambda: broken(crowd) == BOTH, "all four flows are broken")


@pytest.mark.parametrize("unit", ["bbb-apps-akka", "redis-server", "postgresql@15-main"])
def test_a_unit_that_carries_signals_breaks_them_when_it_restarts(
    node: Node, crowd: Crowd, unit: str
) -> None:
    node.unit(unit, "one")
    meeting_with_two(crowd)
    node.unit(unit, "two")
    wait(lambda: broken(crowd) == [("ada", "signals"), ("bela", "signals")], "signals are broken")


@pytest.mark.parametrize("unit", ["freeswitch", "bbb-fsesl-akka", "bbb-webrtc-sfu"])
def test_a_unit_that_carries_media_breaks_it_when_it_stops(
    node: Node, crowd: Crowd, unit: str
) -> None:
    node.unit(unit, "one")
    meeting_with_two(crowd)
    (node.root / f"run/systemd/units/invocation:{unit}.service").unlink()
    wait(lambda: broken(crowd) == [("ada", "media"), ("bela", "media")], "media is broken")


def test_a_restart_of_coturn_breaks_the_media_of_those_whom_it_carries(
    node: Node, crowd: Crowd
) -> None:
    node.unit("coturn", "one")
    meeting_with_two(crowd)
    crowd.join("room1", "relayed", relayed=True)
    wait(lambda: voices(crowd) == 3, "all three have media")
    node.unit("coturn", "two")
    wait(lambda: bool(crowd.breaks), "a break")
    assert broken(crowd) == [("relayed", "media")]


def voices(crowd: Crowd) -> int:
    return int(crowd.door.call("getMeetingInfo", meetingID="room1").text("voiceParticipantCount"))


def test_a_restart_before_somebody_comes_breaks_nothing_of_theirs(node: Node, crowd: Crowd) -> None:
    node.unit("freeswitch", "one")
    crowd.create("room1")
    node.unit("freeswitch", "two")
    crowd.join("room1", "ada")
    wait(lambda: voices(crowd) == 1, "ada has media")
    node.unit("nginx", "three")
    assert crowd.heard()
    assert not crowd.breaks


@pytest.mark.parametrize("made_anew", [False, True])
def test_a_database_that_is_dropped_ends_the_meetings_with_their_flows(
    node: Node, crowd: Crowd, made_anew: bool
) -> None:
    meeting_with_two(crowd)
    (node.root / DATABASE).unlink()
    if made_anew:
        node.write(DATABASE, "")
    wait(lambda: broken(crowd) == BOTH, "all four flows are broken")


def test_an_api_that_is_down_breaks_nothing_as_media_does_not_need_it(
    node: Node, crowd: Crowd
) -> None:
    meeting_with_two(crowd)
    node.switch("down")

    def refused() -> bool:
        try:
            node.door.call("getMeetings")
        except NoAnswer:
            return True
        return False

    wait(refused, "the API is down")
    node.switch_off("down")
    wait(lambda: not refused(), "the API is back")
    assert people(crowd, "room1") == 2
    assert crowd.heard()
    assert not crowd.breaks


def test_nothing_is_heard_of_a_node_that_is_gone(node: Node, crowd: Crowd) -> None:
    meeting_with_two(crowd)
    assert crowd.heard()
    node.daemon.stop()
    assert not crowd.heard()


def test_whoever_leaves_is_gone_from_the_meeting_and_has_no_break(crowd: Crowd) -> None:
    meeting_with_two(crowd)
    crowd.leave_all()
    wait(lambda: people(crowd, "room1") == 0, "all are gone")
    assert not crowd.breaks


def test_a_breakout_room_ends_with_its_parent(crowd: Crowd) -> None:
    meeting_with_two(crowd)
    crowd.create_breakout("room1", "room1-a", 1)
    crowd.join("room1-a", "carl")
    crowd.door.call("end", meetingID="room1")
    wait(lambda: ("carl", "signals") in broken(crowd), "carl's signals are broken")


def test_nobody_joins_a_meeting_that_is_not_there(crowd: Crowd) -> None:
    with pytest.raises(Refused) as refused:
        crowd.join("nowhere", "ada")
    assert refused.value.key == "notFound"


def test_a_break_says_who_where_what_and_when(crowd: Crowd) -> None:
    meeting_with_two(crowd)
    crowd.leave("bela")
    crowd.door.call("end", meetingID="room1")
    wait(lambda: broken(crowd) == BOTH[:2], "both flows of ada are broken")
    lines = sorted(str(it)[9:] for it in crowd.breaks)
    assert lines[0].startswith("ada in room1: media: nothing for 2 s after ")
    assert lines[1].startswith("ada in room1: signals: ended after ")
