"""The wait for the last meeting: looks at the node itself and at the balancer."""

from controller.roll import words
from controller.roll.answers import Meetings
from controller.roll.cordon import Cordon
from controller.roll.steps import (
    HEARTBEAT_SECONDS,
    UNKNOWN_SECONDS,
    Clock,
    Node,
    NodeError,
    Say,
    Stopped,
    Taken,
    Wish,
)


class Wait:
    """One node's wait. Patience counts from the first look of this roll, also across returns."""

    def __init__(self, node: Node, cordon: Cordon, wish: Wish, clock: Clock, say: Say) -> None:
        self._node, self._cordon, self._wish = node, cordon, wish
        self._clock, self._say = clock, say
        self._begun: float | None = None
        self._told, self._told_at = "", 0.0

    def until_empty(self, gate_is_closed: bool) -> bool:
        """Whether no meeting runs, by the node's own list; False once patience is over.

        Nor is a recording being made: while no meeting comes, their queue gets shorter.

        A gate that is closed opens as soon as a meeting is seen: front-ends send a `create` before
        each join. Raises Stopped if the node gives no list for UNKNOWN_SECONDS.
        """
        if self._begun is not None:
            # Something was wrong behind a gate that had closed. An API that goes to and fro would
            # have the gate go to and fro too, so this takes of the patience.
            self._clock.sleep(self._wish.look)
            if self._clock.now() - self._begun >= self._wish.patience:
                return False
        last_known = self._clock.now()
        self._begun = last_known if self._begun is None else self._begun
        while True:
            meetings = self._ask()
            live = meetings.meetings
            quiet = self._cordon.hold(has_meetings=live != ())
            now = self._clock.now()
            if live is not None:
                last_known = now
            if live and gate_is_closed:
                self._node.open_gate()
                gate_is_closed = False
            if live and self._wish.force:
                self.tell_who_is_cut(meetings)
                return True
            if live == () and quiet and (self._wish.force or not meetings.making):
                self._tell("no meetings")
                return True
            self._tell(self._waits_for(meetings))
            if live is None and now - last_known >= UNKNOWN_SECONDS:
                lasted = words.duration(now - last_known)
                raise Stopped(f"{words.people(meetings)}, for {lasted}")
            if now - self._begun >= self._wish.patience:
                return False
            self._clock.sleep(self._wish.look)

    def tell_who_is_cut(self, meetings: Meetings) -> None:
        """Shows each meeting that a forced change ends."""
        assert meetings.meetings is not None
        self._say(f"forced: these are cut now, {words.people(meetings)}:")
        for it in meetings.meetings:
            self._say(f"  cut: {words.named(it, meetings.meetings)}")

    def _ask(self) -> Meetings:
        try:
            return self._node.meetings()
        except Taken:
            raise
        except NodeError as error:
            return Meetings(answer="unreachable", why=str(error))

    def _waits_for(self, meetings: Meetings) -> str:
        if meetings.meetings is None:
            return words.people(meetings)
        if not meetings.meetings and meetings.making:
            count = words.counted(meetings.making, "recording")
            return f"no meetings; {count} of earlier ones in the making, which a stop would kill"
        if not meetings.meetings:
            return "no meetings; waits for the balancer's answer"
        return f"{words.people(meetings)}: {words.names(meetings.meetings)}"

    def _tell(self, text: str) -> None:
        now = self._clock.now()
        if text != self._told:
            self._say(text)
        elif now - self._told_at >= HEARTBEAT_SECONDS:
            assert self._begun is not None
            left = self._begun + self._wish.patience - now
            self._say(f"still {text}; waits {words.duration(max(left, 0))} more")
        else:
            return
        self._told, self._told_at = text, now
