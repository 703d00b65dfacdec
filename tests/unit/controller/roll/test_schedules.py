"""Meetings that begin and end at any moment, and a roll that is killed at any call."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.roll.steps import Outcome
from tests.unit.controller.roll.fakes import Killed, Scene

# A gate may be closed on a meeting for as long as the look that follows takes, and no longer.
MOMENT = 5.0


class Guarded(Scene):
    """A scene that watches, second by second, whom the node keeps from a meeting that runs."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.closed_on_a_meeting = 0.0
        self.longest = 0.0
        for second in range(2 * seconds):
            self.world.after(second / 2, self._watch)

    def _watch(self) -> None:
        is_shut = self.node.gate == "closed" and self.node.live
        self.closed_on_a_meeting = self.closed_on_a_meeting + 0.5 if is_shut else 0.0
        self.longest = max(self.longest, self.closed_on_a_meeting)

    def meeting(self, name: str, begins: float, lasts: float, people: int) -> None:
        """A meeting that begins if the node lets it; people come one by one, and go at its end."""

        def begin() -> None:
            if self.node.create(name):
                for number in range(people):
                    self.world.after(lasts * number / (people + 1), self._join(name))
                self.world.after(lasts, lambda: self.node.end(name))

        self.world.after(begins, begin)

    def _join(self, name: str) -> Callable[[], object]:
        # A front-end sends a `create` before each join.
        return lambda: self.node.create(name, people=1) if name in self.node.live else None


@pytest.mark.parametrize("seed", range(10))
def test_no_schedule_of_meetings_gets_one_cut(seed: int) -> None:
    chance = random.Random(seed)
    scene = Guarded(seconds=12_000)
    for number in range(chance.randrange(3, 12)):
        # Also in the first seconds, between the looks of the plan, the wait and the gate.
        begins = chance.choice([chance.uniform(0, 15), chance.uniform(0, 3000)])
        scene.meeting(f"m{number}", begins, chance.uniform(1, 2000), chance.randrange(5))
    if chance.random() < 0.5:
        scene.meeting("with rooms", 0, 900, 4)
        scene.world.after(
            300, lambda: scene.node.create("room", 2, breakout_of="with rooms") and None
        )
        scene.world.after(1200, lambda: scene.node.end("room"))
    assert scene.roll().outcome == Outcome.DONE
    assert scene.is_done
    assert scene.node.cut == []
    assert scene.longest <= MOMENT


Schedule = list[tuple[float, float, int]]
SCHEDULES = st.lists(
    st.tuples(st.floats(0, 60), st.floats(0.5, 400), st.integers(0, 3)), max_size=6
)


@settings(max_examples=150, derandomize=True)
@given(schedule=SCHEDULES, dies=st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=3))
def test_no_meeting_is_cut_by_rolls_that_are_killed_one_after_the_other(
    schedule: Schedule, dies: list[tuple[int, bool]]
) -> None:
    scene = Guarded(seconds=0)
    for number, (begins, lasts, people) in enumerate(schedule):
        scene.meeting(f"m{number}", begins, lasts, people)
    for call, before in dies:
        number = len(scene.world.calls) + call
        scene.world.dies_before, scene.world.dies_after = (
            (number, None) if before else (None, number)
        )
        try:
            scene.roll()
        except Killed:
            scene.world.sleep(30)
    scene.world.dies_before = scene.world.dies_after = None
    assert scene.roll().outcome in (Outcome.DONE, Outcome.NOTHING)
    assert scene.is_done
    assert scene.node.cut == []
