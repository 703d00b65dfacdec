"""A node through the eleven steps, and every way in which they may be cut off."""

from typing import Any

import pytest

from controller.balancers.interface import BalancerError, Server, State
from controller.roll.answers import Change, Faults, Spool, Step, Waiting, Window
from controller.roll.changing import BEFORE_STOP
from controller.roll.steps import Away, NodeError, Outcome
from fleet import ROOT
from tests.unit.controller.roll.fakes import (
    HOST,
    SECRET,
    FakeBalancer,
    FakeMeeting,
    Killed,
    Scene,
    serving,
)

BEFORE_THE_CHANGE = [Step.CORDON, Step.WAIT, Step.GATE, Step.LOOK]
STEPS = [*BEFORE_THE_CHANGE, Step.CHANGE, Step.VERIFY, Step.SECRET, Step.OPEN, Step.RESTORE]


def calls_of_a_whole_roll(balanced: bool = True) -> list[str]:
    scene = Scene(balanced=balanced)
    assert scene.roll().outcome == Outcome.DONE
    return scene.world.calls


def test_a_node_without_meetings_goes_through_all_steps_in_their_order() -> None:
    scene = Scene()
    result = scene.roll()
    assert (result.outcome, result.text) == (Outcome.DONE, "3.0.34 -> 3.0.35, secret")
    assert scene.node.steps_seen == STEPS
    assert scene.is_done


def test_a_node_without_a_balancer_goes_through_them_too() -> None:
    scene = Scene(balanced=False)
    assert scene.roll().outcome == Outcome.DONE
    assert scene.is_done


def test_a_second_roll_opens_no_window_and_changes_nothing() -> None:
    scene = Scene()
    scene.roll()
    scene.world.calls.clear()
    assert scene.roll().outcome == Outcome.NOTHING
    assert set(scene.world.calls) == {"old_files", "look", "balancer list", "balancer knows"}


def test_the_roll_waits_for_the_last_meeting_and_tells_each_change_once() -> None:
    scene = Scene(live={"a": FakeMeeting(12), "b": FakeMeeting(0)})
    scene.world.after(1800, lambda: scene.node.end("a"))
    scene.world.after(3600, lambda: scene.node.end("b"))
    assert scene.roll().outcome == Outcome.DONE
    assert scene.node.cut == []
    waiting = [it for it in scene.said if "meeting" in it]
    news = "2 meetings, 12 people: Meeting a (12), Meeting b (nobody yet)"
    assert waiting[1:4] == [
        news,
        f"still {news}; waits 3 h 50 min more",
        f"still {news}; waits 3 h 40 min more",
    ]
    assert len(waiting) < 12


def test_breakouts_are_waited_for_and_named_with_their_parent() -> None:
    scene = Scene(live={"a": FakeMeeting(2), "room": FakeMeeting(3, breakout_of="a")})
    scene.world.after(100, lambda: scene.node.end("a"))
    scene.world.after(500, lambda: scene.node.end("room"))
    assert scene.roll().outcome == Outcome.DONE
    assert scene.node.cut == []
    assert any("Meeting room (3, breakout of Meeting a)" in it for it in scene.said)


def test_patience_that_is_over_puts_everything_back_as_it_was() -> None:
    scene = Scene(live={"a": FakeMeeting(12)})
    result = scene.roll(patience=600)
    assert result.outcome == Outcome.BUSY
    assert (scene.server.state, scene.node.gate, scene.node.window) == ("serving", "open", None)
    assert "a" in scene.node.live


def test_force_tells_who_is_cut_before_anybody_is() -> None:
    scene = Scene(live={"a": FakeMeeting(12)})
    assert scene.roll(force=True).outcome == Outcome.DONE
    assert scene.node.cut == ["a"]
    assert scene.is_done
    told = scene.said.index("  cut: Meeting a (12)")
    assert told < scene.said.index("changes: packages")


def test_force_cuts_nobody_whom_it_cannot_name() -> None:
    scene = Scene(live={"a": FakeMeeting(12)}, answer="slow")
    assert scene.roll(force=True).outcome == Outcome.FAILED
    assert scene.world.calls == ["old_files", "look", "balancer list"]


# The table of failures.


@pytest.mark.parametrize("answer", ["unreachable", "slow", "refused", "strange"])
def test_an_answer_that_is_no_list_stops_before_anything_is_touched(answer: str) -> None:
    scene = Scene(live={"a": FakeMeeting(1)}, answer=answer)
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.ASK)
    assert answer in result.text
    assert scene.world.calls == ["old_files", "look", "balancer list"]


@pytest.mark.parametrize("answer", ["unreachable", "slow", "refused", "strange"])
def test_an_api_that_goes_while_the_roll_waits_ends_it_as_it_began(answer: str) -> None:
    scene = Scene(live={"a": FakeMeeting(1)})
    scene.world.after(200, lambda: setattr(scene.node, "answer", answer))
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.WAIT)
    assert (scene.server.state, scene.node.gate, scene.node.window) == ("serving", "open", None)
    assert scene.node.cut == []


def test_an_api_that_is_slow_for_a_moment_costs_no_wait() -> None:
    scene = Scene(live={"a": FakeMeeting(1)})
    scene.world.after(200, lambda: setattr(scene.node, "answer", "slow"))
    scene.world.after(300, lambda: setattr(scene.node, "answer", "known"))
    scene.world.after(900, lambda: scene.node.end("a"))
    assert scene.roll().outcome == Outcome.DONE
    assert scene.node.cut == []


def begins_before(call: str, scene: Scene, until: float = 300) -> None:
    """A meeting begins in the moment before this call, once, and ends later."""
    node: Any = scene.node
    method = getattr(node, call)

    def begins() -> Any:
        setattr(node, call, method)
        assert node.create("late", people=3)
        scene.world.after(until, lambda: node.end("late"))
        return method()

    setattr(node, call, begins)


def test_a_meeting_that_begins_before_the_gate_is_closed_is_seen_and_lives() -> None:
    scene = Scene()
    begins_before("close_gate", scene)
    assert scene.roll().outcome == Outcome.DONE
    assert scene.node.cut == []
    assert scene.node.steps_seen.count(Step.LOOK) == 2
    assert any("the gate opens again" in it for it in scene.said)


def test_a_create_that_an_old_worker_takes_is_caught_as_well() -> None:
    scene = Scene()
    # close_gate takes three seconds, and is called some ten after the roll has begun.
    for moment in range(1, 30):
        scene.world.after(moment / 2, lambda: scene.node.create("late", people=1))
    scene.world.after(1000, lambda: scene.node.end("late"))
    assert scene.roll().outcome == Outcome.DONE
    assert scene.node.cut == []


def test_an_api_that_goes_between_wait_and_look_opens_the_gate_again() -> None:
    scene = Scene()
    original = scene.node.close_gate

    def close() -> None:
        original()
        scene.node.answer = "slow"

    scene.node.close_gate = close  # type: ignore[method-assign]
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.WAIT)
    assert (scene.node.gate, scene.server.state, scene.node.window) == ("open", "serving", None)


def test_an_api_that_goes_to_and_fro_does_not_outlast_the_patience() -> None:
    scene = Scene()
    close, open_ = scene.node.close_gate, scene.node.open_gate

    def closed() -> None:
        close()
        scene.node.answer = "slow"

    def opened() -> None:
        open_()
        scene.node.answer = "known"

    scene.node.close_gate, scene.node.open_gate = closed, opened  # type: ignore[method-assign]
    assert scene.roll(patience=600).outcome == Outcome.BUSY
    assert scene.world.time < 1000 + 600 + 60 + 100
    assert (scene.node.gate, scene.server.state) == ("open", "serving")
    assert scene.world.calls.count("close_gate") < 30


def test_a_balancer_that_is_down_at_the_cordon_stops_with_nothing_touched() -> None:
    scene = Scene()
    scene.balancer.is_down = True
    result = scene.roll()
    assert result.outcome == Outcome.FAILED
    assert scene.node.steps_seen == [] and scene.node.gate == "open"


def test_a_balancer_that_goes_before_the_restore_leaves_an_open_node_to_serve_by_hand() -> None:
    scene = Scene()
    original = scene.node.shut_outside

    def last() -> str:
        scene.balancer.is_down = True
        return original()

    scene.node.shut_outside = last  # type: ignore[method-assign]
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.RESTORE)
    assert "make it serve by hand, or run again" in result.text
    assert scene.node.gate == "open"
    scene.balancer.is_down = False
    scene.node.shut_outside = original  # type: ignore[method-assign]
    assert scene.roll().outcome == Outcome.DONE
    assert scene.is_done


def test_a_balancer_that_sends_meetings_again_by_itself_is_put_back() -> None:
    scene = Scene(live={"a": FakeMeeting(1)})
    scene.world.after(200, lambda: scene.balancer.become(HOST, state="serving"))
    scene.world.after(290, lambda: scene.said.append(scene.server.state))
    scene.world.after(600, lambda: scene.node.end("a"))
    assert scene.roll().outcome == Outcome.DONE
    assert "cordoned" in scene.said


def test_a_balancer_that_switches_a_node_off_lets_people_rejoin_again() -> None:
    scene = Scene(live={"a": FakeMeeting(0)})
    scene.world.after(200, lambda: scene.balancer.become(HOST, state="off"))
    scene.world.after(290, lambda: scene.said.append(scene.server.state))
    scene.world.after(600, lambda: scene.node.end("a"))
    assert scene.roll().outcome == Outcome.DONE
    assert "cordoned" in scene.said


def test_the_gate_stays_open_while_the_balancer_may_send_meetings() -> None:
    scene = Scene(live={"a": FakeMeeting(1)})
    scene.world.after(50, lambda: setattr(scene.balancer, "is_down", True))
    scene.world.after(100, lambda: scene.node.end("a"))
    scene.world.after(400, lambda: scene.said.append(f"gate {scene.node.gate}"))
    scene.world.after(500, lambda: setattr(scene.balancer, "is_down", False))
    assert scene.roll().outcome == Outcome.DONE
    assert "gate open" in scene.said


def test_too_few_that_would_serve_refuse_before_the_cordon() -> None:
    scene = Scene()
    scene.balancer.become("bbb1.example.org", online=False)
    result = scene.roll()
    assert result.outcome == Outcome.FAILED and "min_serving is 1" in result.text
    assert "balancer cordon" not in scene.world.calls
    assert scene.node.window is None


def test_two_rolls_that_have_counted_at_once_do_not_both_take_their_node() -> None:
    scene = Scene()
    original = scene.balancer.cordon

    def cordon(host: str) -> Any:
        # The other roll takes its own node in that moment.
        scene.balancer.become("bbb1.example.org", state="cordoned")
        return original(host)

    scene.balancer.cordon = cordon  # type: ignore[method-assign]
    assert scene.roll().outcome == Outcome.FAILED
    assert (scene.server.state, scene.node.window) == ("serving", None)


@pytest.mark.parametrize(
    ("broken", "step"),
    [
        ({"change_fails": "chown: Operation not permitted"}, Step.CHANGE),
        ({"change_seconds": 1e6}, Step.CHANGE),
        ({"wrong": ("the old secret still works",)}, Step.VERIFY),
    ],
)
def test_a_change_that_fails_leaves_the_gate_closed_and_the_node_cordoned(
    broken: dict[str, Any], step: Step
) -> None:
    scene = Scene(**broken)
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, step)
    assert (scene.node.gate, scene.server.state) == ("closed", "cordoned")
    assert scene.node.window and scene.node.window.step == step
    assert "the gate stays closed and the node cordoned" in result.text
    for name in ("change_fails", "wrong"):
        setattr(scene.node, name, "" if name == "change_fails" else ())
    scene.node.change_seconds = 100
    assert scene.roll().outcome == Outcome.DONE
    assert scene.is_done


def test_a_secret_that_the_balancer_does_not_take_leaves_the_gate_closed() -> None:
    scene = Scene()
    scene.balancer.knows = lambda host, secret: False  # type: ignore[method-assign]
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.SECRET)
    assert (scene.node.gate, scene.server.state) == ("closed", "cordoned")


def test_a_gate_that_cannot_be_closed_is_opened_and_the_node_serves_as_before() -> None:
    scene = Scene(gate_fails="nginx -t: unknown directive")
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.GATE)
    assert "open_gate" in scene.world.calls
    assert (scene.server.state, scene.node.window) == ("serving", None)


def test_a_node_that_cannot_be_reached_from_outside_closes_again() -> None:
    scene = Scene(is_shut_outside="no answer at bbb2.example.org")
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.OPEN)
    assert (scene.node.gate, scene.server.state) == ("closed", "cordoned")
    scene.node.is_shut_outside = ""
    assert scene.roll().outcome == Outcome.DONE


def test_a_node_on_which_a_meeting_has_begun_does_not_close_again() -> None:
    scene = Scene(is_shut_outside="no answer at bbb2.example.org")
    begins_before("shut_outside", scene)
    assert scene.roll().outcome == Outcome.FAILED
    assert scene.node.gate == "open"


def test_a_node_that_boots_in_its_change_is_waited_for() -> None:
    scene = Scene()
    original = scene.node.change

    def change(cut: bool) -> Any:
        scene.node.change = original  # type: ignore[method-assign]
        scene.node.is_away = True
        scene.world.after(300, lambda: setattr(scene.node, "is_away", False))
        return original(cut)

    scene.node.change = change  # type: ignore[method-assign]
    assert scene.roll().outcome == Outcome.DONE
    assert scene.is_done


def test_a_node_that_goes_down_to_boot_may_refuse_anything_meanwhile() -> None:
    scene = Scene()
    original = scene.node.change
    answers: list[Any] = [
        Change(state="running", step="reboot"),
        NodeError("systemd-run: the system goes down"),
        Away("refused"),
        NodeError("another call of coop-bbb is at work"),
    ]

    def change(cut: bool) -> Any:
        if not answers:
            return original(cut)
        scene.world.sleep(20)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    scene.node.change = change  # type: ignore[method-assign]
    assert scene.roll().outcome == Outcome.DONE
    assert scene.is_done and not answers


def test_a_change_that_the_node_refuses_is_no_reboot() -> None:
    scene = Scene()

    def change(cut: bool) -> Any:
        raise NodeError("the gate is open")

    scene.node.change = change  # type: ignore[method-assign]
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.CHANGE)
    # It is told at once, and not after the time that a boot may take.
    assert scene.world.time < 1000 + 120


def test_a_node_that_does_not_come_back_fails_and_stays_cordoned() -> None:
    scene = Scene()
    original = scene.node.change

    def change(cut: bool) -> Any:
        scene.node.is_away = True
        return original(cut)

    scene.node.change = change  # type: ignore[method-assign]
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.CHANGE)
    assert (scene.node.gate, scene.server.state) == ("closed", "cordoned")


def test_what_still_waits_after_the_change_is_a_fault() -> None:
    scene = Scene()
    original = scene.node.verify

    def verify() -> Faults:
        scene.node.release = "3.0.34"
        return original()

    scene.node.verify = verify  # type: ignore[method-assign]
    result = scene.roll()
    assert result.step == Step.VERIFY and "3.0.34 -> 3.0.35" in result.text


# A roll that is cut off.


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("moment", ["dies_before", "dies_after"])
def test_a_roll_that_is_killed_at_any_call_is_finished_by_the_next(
    balanced: bool, moment: str
) -> None:
    calls = calls_of_a_whole_roll(balanced)
    assert len(calls) > 20
    for number, name in enumerate(calls):
        scene = Scene(balanced=balanced)
        setattr(scene.world, moment, number)
        with pytest.raises(Killed):
            scene.roll()
        scene.world.go_to(scene.world.time + 1000)
        assert scene.roll().outcome in (Outcome.DONE, Outcome.NOTHING), name
        assert scene.is_done, name
        assert scene.roll().outcome == Outcome.NOTHING, name


@pytest.mark.parametrize("step", STEPS)
def test_a_roll_that_is_killed_as_a_step_begins_is_finished_by_the_next(step: Step) -> None:
    scene = Scene()
    calls = calls_of_a_whole_roll()
    scene.world.dies_after = calls.index(f"write_window {step}")
    with pytest.raises(Killed):
        scene.roll()
    assert scene.node.window and scene.node.window.step == step
    assert scene.roll().outcome == Outcome.DONE
    assert scene.is_done


@pytest.mark.parametrize("step", [Step.GATE, Step.LOOK])
def test_a_gate_that_a_killed_roll_left_closed_opens_for_a_meeting_that_runs(step: Step) -> None:
    scene = Scene(
        gate="closed",
        live={"late": FakeMeeting(3)},
        window=Window(step=step, since=1, reason=("secret",)),
    )
    scene.world.after(100, lambda: scene.said.append(f"gate {scene.node.gate}"))
    scene.world.after(200, lambda: scene.node.end("late"))
    assert scene.roll().outcome == Outcome.DONE
    assert scene.node.cut == [] and "gate open" in scene.said


def test_a_change_is_not_gone_on_with_where_somebody_has_opened_the_gate() -> None:
    scene = Scene(
        live={"a": FakeMeeting(3)}, window=Window(step=Step.CHANGE, since=1, reason=("secret",))
    )
    scene.world.after(200, lambda: scene.node.end("a"))
    assert scene.roll().outcome == Outcome.DONE
    assert scene.node.cut == []


def test_a_half_changed_node_that_is_busy_stays_cordoned_with_its_window() -> None:
    scene = Scene(
        live={"a": FakeMeeting(3)}, window=Window(step=Step.CHANGE, since=1, reason=("secret",))
    )
    assert scene.roll(patience=60).outcome == Outcome.BUSY
    assert scene.server.state == "cordoned"
    assert scene.node.window and scene.node.window.step == Step.CHANGE


def test_an_open_window_goes_on_although_the_api_is_down_in_its_change() -> None:
    scene = Scene(
        gate="closed", answer="unreachable", window=Window(step=Step.CHANGE, since=1, reason=())
    )
    scene.server_state = scene.balancer.become(HOST, state="cordoned")  # type: ignore[attr-defined]
    assert scene.roll().outcome == Outcome.DONE


# What the data wants.


@pytest.mark.parametrize("window", [None, Window(step=Step.CHANGE, since=1, reason=())])
def test_a_window_never_takes_in_what_is_staged_for_other_data(window: Window | None) -> None:
    scene = Scene(old="wanted.json", window=window)
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.PLAN)
    assert "wanted.json on the node is not what the data says: run deploy.py" in result.text
    assert scene.world.calls == ["old_files"]


def test_what_somebody_stages_meanwhile_does_not_part_node_and_balancer() -> None:
    scene = Scene()
    original = scene.node.change

    def change(cut: bool) -> Any:
        scene.node.old = "secret"
        return original(cut)

    scene.node.change = change  # type: ignore[method-assign]
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.VERIFY)
    assert (scene.node.gate, scene.server.state) == ("closed", "cordoned")
    assert "balancer add" not in scene.world.calls


def test_nothing_needs_to_be_staged_for_a_node_that_goes() -> None:
    scene = Scene(old="wanted.json and secret")
    assert scene.roll(wanted="drained").outcome == Outcome.DONE


def test_a_new_node_that_is_busy_stays_unknown_to_its_balancer() -> None:
    scene = Scene(live={"a": FakeMeeting(1)})
    del scene.balancer.servers[HOST]
    assert scene.roll(patience=60).outcome == Outcome.BUSY
    assert HOST not in scene.balancer.servers and scene.node.window is None


def test_a_drained_node_is_closed_and_keeps_its_release() -> None:
    scene = Scene(live={"a": FakeMeeting(2)})
    scene.world.after(300, lambda: scene.node.end("a"))
    assert scene.roll(wanted="drained").outcome == Outcome.DONE
    assert (scene.node.gate, scene.server.state, scene.node.window) == ("closed", "cordoned", None)
    assert scene.node.release == "3.0.34" and scene.node.cut == []
    assert scene.roll(wanted="drained").outcome == Outcome.NOTHING


def test_a_drained_node_serves_again_once_the_data_says_so() -> None:
    scene = Scene()
    scene.roll(wanted="drained")
    assert scene.roll().outcome == Outcome.DONE
    assert scene.is_done


def test_a_drained_node_may_be_broken_and_stops_no_roll() -> None:
    scene = Scene()
    scene.roll(wanted="drained")
    scene.node.answer = "unreachable"
    assert scene.roll(wanted="drained").outcome == Outcome.NOTHING


def test_a_node_that_cannot_serve_again_stays_as_it_was() -> None:
    scene = Scene(gate="closed", live={"a": FakeMeeting(1)})
    scene.balancer.become(HOST, state="cordoned")
    assert scene.roll(patience=60).outcome == Outcome.BUSY
    assert scene.server.state == "cordoned" and scene.node.window is None


def test_a_node_that_somebody_has_cordoned_by_hand_stays_cordoned() -> None:
    scene = Scene()
    scene.balancer.become(HOST, state="cordoned")
    assert scene.roll().outcome == Outcome.DONE
    assert scene.server.state == "cordoned" and scene.node.release == "3.0.35"


def test_a_retired_node_keeps_its_record_while_recordings_have_to_leave() -> None:
    scene = Scene(spool=Spool(waiting=2, queue=1))
    result = scene.roll(wanted="retired")
    assert result.outcome == Outcome.BUSY
    left = "2 recordings wait to be handed over, 1 recording is still to be made"
    assert result.text == f"drained, and not yet retired: {left}"
    assert scene.server.state == "cordoned" and scene.node.gate == "closed"
    scene.node.spool = Spool(problem="nobody knows")
    assert scene.roll(wanted="retired").text == "drained, and not yet retired: nobody knows"
    scene.node.spool = Spool()
    assert scene.roll(wanted="retired").outcome == Outcome.DONE
    assert HOST not in scene.balancer.servers


def test_a_node_that_is_new_is_proven_before_its_balancer_knows_it() -> None:
    scene = Scene(release="3.0.35", secret=SECRET)
    del scene.balancer.servers[HOST], scene.balancer.secrets[HOST]
    assert scene.roll().outcome == Outcome.DONE
    assert scene.is_done
    calls = scene.world.calls
    assert calls.index("verify") < calls.index("balancer add") < calls.index("balancer restore")
    assert "change" not in calls


def test_what_no_meeting_notices_needs_no_window() -> None:
    scene = Scene(release="3.0.35", secret=SECRET, live={"a": FakeMeeting(5)})
    result = scene.roll(weight=2.0, tag="large")
    assert result.text == "at the balancer: weight 1 -> 2, tag none -> large, secret"
    assert scene.node.steps_seen == []
    server = serving(HOST, weight=2.0, tag="large")
    assert (scene.server, scene.balancer.secrets[HOST]) == (server, SECRET)


@pytest.mark.parametrize("state", ["serving", "cordoned"])
def test_a_balancer_that_the_record_no_longer_names_stops_the_roll(state: State) -> None:
    """Nobody would cordon it, and it would go on with the old secret."""
    scene = Scene()
    other = FakeBalancer(scene.world, servers={HOST: serving(HOST, state=state)}, secrets={})
    scene.others = [other]
    result = scene.roll()
    assert result.outcome == Outcome.FAILED and "nothing was touched" in result.text
    assert f"has this node as {state}, and the record does not name it" in result.text
    assert (scene.node.gate, scene.node.window, scene.server.state) == ("open", None, "serving")


def test_another_balancer_that_does_not_answer_or_is_off_is_no_obstacle() -> None:
    scene = Scene()
    quiet = FakeBalancer(scene.world, servers={HOST: serving(HOST, state="off")}, secrets={})
    away = FakeBalancer(scene.world, servers={}, secrets={})
    away.is_down = True
    scene.others = [quiet, away]
    assert scene.roll().outcome == Outcome.DONE and scene.is_done
    assert any("cannot be asked whether it knows this node" in it for it in scene.said)


@pytest.mark.parametrize("step", BEFORE_STOP)
def test_a_change_that_fails_before_it_touches_anything_puts_all_back(step: str) -> None:
    """A repository that is away leaves no node shut for the night."""
    scene = Scene(fails_early=step)
    result = scene.roll()
    assert (result.outcome, result.step) == (Outcome.FAILED, Step.LOOK)
    assert "no network; nothing of BigBlueButton was touched; put back as it was" in result.text
    assert (scene.node.gate, scene.node.window, scene.server.state) == ("open", None, "serving")
    scene.node.fails_early = ""
    assert scene.roll().outcome == Outcome.DONE and scene.is_done


def test_a_node_that_was_half_changed_before_stays_shut_whatever_fails() -> None:
    scene = Scene(change_fails="postinst")
    scene.roll()
    scene.node.change_fails, scene.node.fails_early = "", "fetch packages"
    result = scene.roll()
    assert result.outcome == Outcome.FAILED and result.text.endswith("the node cordoned")
    assert (scene.node.gate, scene.server.state) == ("closed", "cordoned")


def test_what_a_roll_takes_for_untouched_comes_before_the_stop() -> None:
    """The program's own words: nothing on the operator's machine imports the program."""
    text = (ROOT / "programs/bbb/steps.py").read_text()
    stop = text.index('self._step("stop"')
    assert all(text.index(f'self._step("{it}"') < stop for it in BEFORE_STOP[1:])
    assert text.count("self._step(", 0, stop) == len(BEFORE_STOP) - 1


@pytest.mark.parametrize("answer", ["refused", "slow", "strange", "unreachable"])
def test_a_balancer_gets_no_secret_that_the_node_may_refuse(answer: str) -> None:
    """The files have it, and bbb-web may not. Scalelite ends the meetings of such a node."""
    scene = Scene(release="3.0.35", secret=SECRET, answer=answer)
    result = scene.roll()
    assert result.outcome == Outcome.FAILED and "the balancer keeps what it has" in result.text
    assert scene.balancer.secrets[HOST] != SECRET


def without_its_secret() -> Scene:
    """A roll has stopped after the change, as the balancer was down."""
    scene = Scene()
    scene.balancer.add = balancer_is_down  # type: ignore[method-assign]
    assert scene.roll().step == Step.SECRET
    del scene.balancer.add
    return scene


def balancer_is_down(*_: object, **__: object) -> Server:
    raise BalancerError("meet does not answer", "look at it")


def test_a_node_whose_secret_the_balancer_lacks_does_not_serve_whatever_fails() -> None:
    scene = without_its_secret()
    waiting = scene.node.waiting
    reboot = Waiting.model_validate({"what": "reboot", "class": "C"})
    scene.node.waiting = lambda: (*waiting(), reboot)  # type: ignore[method-assign]
    scene.node.fails_early = "fetch packages"
    assert scene.roll().outcome == Outcome.FAILED
    assert (scene.node.gate, scene.server.state) == ("closed", "cordoned") and scene.node.window


def test_a_node_whose_secret_the_balancer_lacks_stays_cordoned_while_it_is_busy() -> None:
    scene = without_its_secret()
    scene.node.gate, scene.node.live["a"] = "open", FakeMeeting(3)
    assert scene.roll(patience=60).outcome == Outcome.BUSY
    assert scene.server.state == "cordoned" and scene.node.window
    scene.node.end("a")
    assert scene.roll().outcome == Outcome.DONE and scene.is_done


@pytest.mark.parametrize("dies", ["shut_outside", "clear_window"])
def test_what_was_staged_after_an_earlier_roll_has_verified_is_not_called_done(dies: str) -> None:
    scene = Scene()

    def die(*_: object) -> str:
        raise Killed

    setattr(scene.node, dies, die)
    with pytest.raises(Killed):
        scene.roll()
    delattr(scene.node, dies)
    scene.node.wanted = "3.0.36"
    assert scene.roll().outcome == Outcome.DONE
    assert scene.node.release == "3.0.36" and scene.is_done


@pytest.mark.parametrize("balanced", [True, False])
def test_a_node_that_gives_no_list_is_not_taken_for_empty_and_retired(balanced: bool) -> None:
    scene = Scene(balanced=balanced, gate="closed", answer="unreachable")
    if balanced:
        scene.balancer.become(HOST, state="cordoned")
    result = scene.roll(wanted="retired")
    assert result.outcome == Outcome.FAILED and "not taken for empty" in result.text
    assert not balanced or HOST in scene.balancer.servers


def test_a_roll_keeps_its_node_while_it_waits_for_the_balancer() -> None:
    scene = Scene()
    scene.balancer.poll_seconds = 200
    assert scene.roll().outcome == Outcome.DONE
    times = [it for it in scene.world.calls if it == "renew"]
    assert len(times) >= 200 / 20, "a lease ends after a minute"


def test_a_recording_that_is_being_made_is_waited_for() -> None:
    scene = Scene(making=1)
    scene.world.after(1800, lambda: setattr(scene.node, "making", 0))
    assert scene.roll().outcome == Outcome.DONE
    assert scene.world.time > 1800
    said = "no meetings; 1 recording of earlier ones in the making, which a stop would kill"
    assert scene.said.count(said) == 1


def test_a_recording_that_does_not_end_is_told_and_force_goes_on() -> None:
    scene = Scene(making=1)
    assert scene.roll(patience=600).outcome == Outcome.BUSY
    assert (scene.node.gate, scene.server.state) == ("open", "serving")
    assert scene.roll(force=True).outcome == Outcome.DONE
