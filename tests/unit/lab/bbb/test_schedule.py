"""The schedules have what a roll can go wrong by, and the participants notice if it does."""

from collections import Counter
from pathlib import Path

import pytest

from lab.bbb.participants import Crowd
from lab.bbb.schedule import COUNT, Outcome, Play, Schedule, schedules
from tests.unit.lab.bbb.node import GAP, Node, wait

SECONDS = 2.0


@pytest.mark.parametrize("schedule", schedules(), ids=lambda it: it.name)
def test_each_has_joins_leaves_a_breakout_an_empty_and_a_late_meeting(schedule: Schedule) -> None:
    joined = Counter(it.who for it in schedule.events if it.what == "join")
    left = Counter(it.who for it in schedule.events if it.what == "leave")
    assert joined == left
    assert sum(bool(it.parent) for it in schedule.events) == 1
    assert schedule.empty in {it.meeting for it in schedule.events}
    assert not [it for it in schedule.events if it.meeting == schedule.empty and it.who]
    assert schedule.late_people
    assert schedule.late not in {it.meeting for it in schedule.events}


@pytest.mark.parametrize("schedule", schedules(), ids=lambda it: it.name)
def test_nobody_joins_before_there_is_a_meeting_or_a_breakout_before_its_parent(
    schedule: Schedule,
) -> None:
    there: set[str] = set()
    inside: set[str] = set()
    for event in schedule.events:
        assert 0 <= event.at <= 1
        if event.what == "create":
            assert not event.parent or event.parent in there
            there.add(event.meeting)
        elif event.what == "join":
            assert event.meeting in there
            assert event.who not in inside
            inside.add(event.who)
        else:
            inside.remove(event.who)
    assert not inside


@pytest.mark.parametrize("schedule", schedules(), ids=lambda it: it.name)
def test_somebody_is_in_the_parent_while_somebody_is_in_its_breakout_room(
    schedule: Schedule,
) -> None:
    """A breakout room ends with its parent, and a parent that all have left ends by itself."""
    inside: Counter[str] = Counter()
    ((room, parent),) = {(it.meeting, it.parent) for it in schedule.events if it.parent}
    for event in schedule.events:
        inside[event.meeting] += {"join": 1, "leave": -1, "create": 0}[event.what]
        assert inside[parent] or not inside[room]


def test_they_are_the_same_in_each_run_and_different_from_each_other() -> None:
    assert schedules() == schedules()
    assert schedules() != schedules(seed=19)
    times = {tuple(it.at for it in each.events) for each in schedules()}
    assert len(times) == COUNT


def test_ten_at_once_break_nothing_on_a_node_that_is_left_alone(node: Node) -> None:
    node.switch("minute", "0.5")
    plays = [Play(it, Crowd(node.door), SECONDS) for it in schedules()]
    for play in plays:
        play.start()
        play.begin_late()
    outcomes = [play.finish() for play in plays]
    assert [it for it in outcomes if it != Outcome([], "began", [], [])] == []
    wait(lambda: not live(node), "all meetings have gone by themselves")


def live(node: Node) -> list[str]:
    """What a controller counts: neither ended nor forcibly ended, whatever `running` says."""
    meetings = node.door.call("getMeetings").root.findall("meetings/meeting")
    return [it.findtext("meetingID", "") for it in meetings if it.findtext("endTime") == "0"]


def change(node: Node, play: Play, looks_again: bool) -> None:
    """What a roll does at its shortest: look, gate, look again, change."""
    while True:
        wait(lambda: not live(node), "no meeting is there", 30)
        play.begin_late()
        if not looks_again or not live(node):
            break
    node.daemon.stop()


@pytest.mark.parametrize("looks_again", [True, False])
def test_a_change_without_a_second_look_is_noticed_and_with_one_it_breaks_nothing(
    tmp_path: Path, looks_again: bool
) -> None:
    node = Node(tmp_path)
    node.switch("minute", "0.1")
    with node.runs():
        play = Play(schedules()[0], Crowd(node.door, gap=GAP), SECONDS)
        play.start()
        wait(lambda: bool(live(node)), "meetings are there")
        change(node, play, looks_again)
        outcome = play.finish()
    assert outcome.late == "began"
    assert {it.meeting for it in outcome.breaks} == (set() if looks_again else {"s0-late"})


def test_a_late_meeting_that_the_gate_refuses_is_told_and_breaks_nothing(node: Node) -> None:
    play = Play(schedules()[1], Crowd(node.door), 0.5)
    node.switch("fail", "maintenance")
    play.begin_late()
    outcome = play.finish()
    assert (outcome.late, outcome.breaks) == ("refused", [])
    assert outcome.refused == ["create s1-late : maintenance"]
