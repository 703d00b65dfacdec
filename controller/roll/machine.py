"""One node through the eleven steps of a window.

The window's file on the host has the step before the step begins. So a roll that was cut off at any
moment, or whose host went away, is gone on with by the next roll.
"""

from collections.abc import Callable, Sequence

from controller.balancers.interface import Balancer, BalancerError
from controller.roll import words
from controller.roll.answers import Before, Look, Step, Window
from controller.roll.changing import Untouched, change, is_shut_outside, verify
from controller.roll.cordon import Cordon
from controller.roll.plan import SERVES_AGAIN, plan
from controller.roll.steps import (
    BEYOND_LOOK,
    Clock,
    Node,
    NodeError,
    Outcome,
    Result,
    Say,
    Stopped,
    Taken,
    Wish,
)
from controller.roll.wait import Wait

KEPT = "the gate stays closed and the node cordoned"
OPENED = "the gate is open, the balancer sends nothing yet: make it serve by hand, or run again"


class Roll:
    """A node's window, from whatever step it is at.

    Ends no meeting: nothing here or below sends a call that does.
    """

    def __init__(
        self,
        node: Node,
        balancer: Balancer | None,
        wish: Wish,
        clock: Clock,
        say: Say,
        *,
        others: Sequence[Balancer] = (),
    ) -> None:
        """others: the balancers that should not send meetings to the node"""
        self._node, self._balancer, self._wish = node, balancer, wish
        self._others = others
        self._clock, self._say = clock, say
        self._cordon = Cordon(balancer, wish, say)
        self._wait = Wait(node, self._cordon, wish, clock, say)
        self._window: Window | None = None
        self._step = Step.PLAN
        self._gate_is_closed = False
        self._is_half_changed = False
        self._has_left = False
        self._is_late = False

    def run(self) -> Result:
        """Go on until the node is done, busy, or has failed."""
        try:
            after: Step | Result = self._plan()
            while isinstance(after, Step):
                self._enter(after)
                after = self._do()
            return after
        except Taken as error:
            return Result(Outcome.FAILED, str(error), self._step)
        except (NodeError, BalancerError, Stopped) as error:
            return self._failed(str(error))

    def _enter(self, step: Step) -> None:
        self._step = step
        if self._window:
            # A node that is half changed stays so for the next roll too, until the change is done.
            kept = Step.CHANGE if self._is_half_changed and step not in BEYOND_LOOK else step
            self._window = self._window.model_copy(update={"step": kept})
            self._node.write_window(self._window)

    def _do(self) -> Step | Result:
        does: dict[Step, Callable[[], Step | Result]] = {
            Step.CORDON: self._do_cordon,
            Step.WAIT: self._do_wait,
            Step.GATE: self._do_gate,
            Step.LOOK: self._do_look,
            Step.CHANGE: self._do_change,
            Step.VERIFY: self._do_verify,
            Step.SECRET: self._do_secret,
            Step.OPEN: self._do_open,
            Step.RESTORE: self._do_restore,
        }
        return does[self._step]()

    def _plan(self) -> Step | Result:
        self._refuse_old_files("run deploy.py for it first; nothing was touched")
        self._refuse_two_balancers()
        look = self._node.look()
        self._gate_is_closed = look.gate == "closed"
        self._window = look.window
        if look.window:
            return self._go_on(look, look.window.step)
        why = plan(look, self._cordon, self._wish)
        if not why:
            return self._without_window(look)
        self._step = Step.ASK
        if look.meetings.meetings is None:
            raise Stopped(f"{words.people(look.meetings)}, so nothing was touched")
        self._cordon.refuse_if_few()
        self._say(f"opens a window: {', '.join(why)}; {words.people(look.meetings)}")
        self._window = Window(
            step=Step.CORDON, since=self._clock.today(), reason=why, balancer=self._before(why)
        )
        return Step.CORDON

    def _refuse_old_files(self, remedy: str) -> None:
        """A change takes in what is staged, and the balancer gets the secret of the data.

        Raises Stopped if the two are not the same.
        """
        if self._wish.wanted == "serving" and (old := self._node.old_files()):
            raise Stopped(f"{old} on the node is not what the data says: {remedy}")

    def _refuse_two_balancers(self) -> None:
        """Raises Stopped if a balancer that the record does not name sends meetings here.

        Nobody would cordon it for the change, and it would go on with the old secret.
        """
        for other in self._others:
            try:
                server = other.list().get(self._wish.hostname)
            except BalancerError as error:
                self._say(f"{other.name} cannot be asked whether it knows this node: {error}")
                continue
            if server and server.state != "off":
                raise Stopped(
                    f"{other.name} has this node as {server.state}, and the record does not name "
                    "it: name it again and roll with wanted: drained, then take the node out "
                    "there by hand; nothing was touched"
                )

    def _before(self, why: tuple[str, ...]) -> Before | None:
        """What the window's end should put back: what the balancer says now, or the data."""
        if self._balancer is None:
            return None
        server = self._cordon.server
        if server is None or SERVES_AGAIN in why:
            return Before(state="serving", weight=self._wish.weight)
        return Before(state=server.state, weight=server.weight)

    def _go_on(self, look: Look, step: Step) -> Step:
        """Where an open window goes on, by what the node is now."""
        self._say(f"goes on with an open window, at the step {step}: {words.people(look.meetings)}")
        if step in (Step.OPEN, Step.RESTORE) and self._wish.wanted == "serving":
            self._is_late = True
            return step
        # Before the balancer has the node's secret it would poll with another one, and Scalelite
        # ends the meetings of a node that refuses it.
        self._is_half_changed = step in (Step.CHANGE, Step.VERIFY, Step.SECRET)
        if step not in BEYOND_LOOK or look.gate != "closed" or look.meetings.meetings:
            return Step.CORDON
        # The gate has been closed since the last meeting ended. In the middle of a change the API
        # may be down, which says nothing then.
        if step == Step.CHANGE or words.reasons(look):
            return Step.CHANGE
        return step if step in (Step.VERIFY, Step.SECRET) else Step.VERIFY

    def _do_cordon(self) -> Step:
        self._cordon.begin()
        return Step.WAIT

    def _do_wait(self) -> Step | Result:
        if self._wait.until_empty(self._gate_is_closed):
            return Step.GATE
        assert self._window
        told = f"busy for {words.duration(self._wish.patience)}; {self._put_back()}"
        is_back = not self._is_half_changed and SERVES_AGAIN not in self._window.reason
        if is_back and not self._cordon.is_missing:
            self._cordon.see_online(self._window.balancer, self._clock, self._node.renew)
        return Result(Outcome.BUSY, told, self._step)

    def _do_gate(self) -> Step:
        # First, so that a gate that was half closed is opened again after a failure.
        self._gate_is_closed = True
        self._node.close_gate()
        return Step.LOOK

    def _do_look(self) -> Step | Result:
        """Whether a meeting has begun between the wait's last look and the gate."""
        look = self._node.look()
        live = look.meetings.meetings
        self._has_left = bool(look.dpkg)
        self._cordon.hold(has_meetings=live != ())
        if live is None or (live and not self._wish.force):
            self._say(f"{words.people(look.meetings)}: the gate opens again")
            self._node.open_gate()
            self._gate_is_closed = False
            return Step.WAIT
        if live:
            self._wait.tell_who_is_cut(look.meetings)
        if self._is_half_changed or (self._wish.wanted == "serving" and words.reasons(look)):
            return Step.CHANGE
        return Step.VERIFY if self._wish.wanted == "serving" else self._leave_out(look)

    def _do_change(self) -> Step:
        try:
            change(self._node, self._cordon, self._wish, self._clock, self._say)
        except Untouched as error:
            if self._is_half_changed or self._has_left:
                raise
            # The node is as it was, so it may serve again until somebody has put the cause right.
            self._step = Step.LOOK
            raise Stopped(f"{error}; nothing of BigBlueButton was touched") from None
        return Step.VERIFY

    def _do_verify(self) -> Step:
        verify(self._node, self._clock, self._say)
        self._refuse_old_files("somebody has staged other data meanwhile; run deploy.py")
        return Step.SECRET

    def _do_secret(self) -> Step | Result:
        self._cordon.make_known()
        self._is_half_changed = False
        self._cordon.hold(has_meetings=False)
        return Step.OPEN if self._wish.wanted == "serving" else self._leave_out()

    def _do_open(self) -> Step:
        self._node.open_gate()
        self._gate_is_closed = False
        if why := is_shut_outside(self._node, self._clock):
            self._close_if_empty()
            raise Stopped(f"seen from outside, the node takes no meetings: {why}")
        return Step.RESTORE

    def _close_if_empty(self) -> None:
        if self._node.meetings().meetings == ():
            self._node.close_gate()
            self._gate_is_closed = True
            if self._node.meetings().meetings != ():
                self._node.open_gate()
                self._gate_is_closed = False

    def _do_restore(self) -> Step | Result:
        assert self._window
        self._cordon.put_back(self._window.balancer)
        self._cordon.see_online(self._window.balancer, self._clock, self._node.renew)
        self._node.clear_window()
        done = Result(Outcome.DONE, ", ".join(self._window.reason))
        if not self._is_late:
            return done
        # What was staged since an earlier roll verified the change has still to come.
        self._is_late, self._step, self._window = False, Step.PLAN, None
        after = self._plan()
        is_nothing = isinstance(after, Result) and after.outcome == Outcome.NOTHING
        return done if is_nothing else after

    def _without_window(self, look: Look) -> Result:
        """Puts right at once what no meeting notices."""
        if self._wish.wanted == "retired":
            return self._leave_out(look)
        different = self._cordon.differs() if self._wish.wanted == "serving" else ()
        if not different:
            return Result(Outcome.NOTHING, "nothing waits")
        self._step = Step.ASK
        if look.meetings.meetings is None:
            # Its files have the secret, and whether bbb-web works with it nobody knows.
            raise Stopped(f"{words.people(look.meetings)}, so the balancer keeps what it has")
        self._cordon.make_known()
        return Result(Outcome.DONE, f"at the balancer: {', '.join(different)}")

    def _leave_out(self, look: Look | None = None) -> Result:
        """The node is drained: the gate closed, no meetings from the balancer. Retired: no record.

        The record stays while recordings have still to leave the node.
        """
        look = look or self._node.look()
        if self._wish.wanted == "retired" and look.meetings.meetings != ():
            raise Stopped(f"{words.people(look.meetings)}, so it is not taken for empty")
        self._node.clear_window()
        if self._wish.wanted == "drained":
            return Result(Outcome.DONE, "drained: the gate is closed, and no meeting runs")
        if left := words.left(look):
            return Result(Outcome.BUSY, f"drained, and not yet retired: {left}", Step.LOOK)
        gone = self._balancer is None or self._balancer.remove_if_empty(
            self._wish.hostname, lambda: self._node.meetings().meetings == ()
        )
        kept = "" if gone else "; the balancer keeps a record that is cordoned"
        if look.spool is None:
            kept += "; its recordings lie on the node alone"
        return Result(Outcome.DONE, f"retired{kept}: now docs/bbb-retire-a-node.md")

    def _put_back(self) -> str:
        """Node and balancer as they were before the window, which ends. Says what was done.

        A node that is half changed does not serve: its window stays.
        """
        assert self._window
        if self._is_half_changed:
            return "half changed, so it stays cordoned, and its window open"
        if SERVES_AGAIN not in self._window.reason:
            if self._gate_is_closed:
                self._node.open_gate()
                self._gate_is_closed = False
            self._cordon.put_back(self._window.balancer)
        self._node.clear_window()
        return "put back as it was"

    def _failed(self, cause: str) -> Result:
        step = self._step
        if step in BEYOND_LOOK:
            what = KEPT if self._gate_is_closed else OPENED
            return Result(Outcome.FAILED, f"{cause}; {what}", step)
        if self._window:
            try:
                cause += f"; {self._put_back()}"
            except (NodeError, BalancerError, Stopped) as error:
                cause += f"; and could not be put back ({error}): its window stays open"
        return Result(Outcome.FAILED, cause, step)
