"""Node after node, up to the first that fails; what the exit status says."""

import pytest

from controller.roll.answers import Step
from controller.roll.rolling import Ending, Turn, roll
from controller.roll.steps import Outcome, Result

DONE = Result(Outcome.DONE, "secret")
NOTHING = Result(Outcome.NOTHING, "nothing waits")
BUSY = Result(Outcome.BUSY, "busy for 4 h; put back as it was", Step.WAIT)
FAILED = Result(Outcome.FAILED, "the change has failed", Step.CHANGE)


def rolled(*results: Result) -> tuple[Ending, list[str]]:
    taken: list[str] = []

    def turn(name: str, result: Result) -> Turn:
        return Turn(name, lambda: taken.append(name) or result)  # type: ignore[func-returns-value]

    return roll([turn(f"bbb{n}", it) for n, it in enumerate(results)]), taken


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([], 0),
        ([NOTHING, NOTHING], 0),
        ([DONE, NOTHING], 0),
        ([DONE, BUSY, DONE], 2),
        ([BUSY, FAILED], 1),
        ([FAILED], 1),
    ],
)
def test_the_status_says_how_the_nodes_came_out(results: list[Result], status: int) -> None:
    assert rolled(*results)[0].status == status


def test_a_busy_node_is_skipped_and_the_next_one_is_taken() -> None:
    ending, taken = rolled(DONE, BUSY, DONE)
    assert taken == ["bbb0", "bbb1", "bbb2"]
    assert ending.lines == (
        "bbb0: done: secret",
        "bbb1: busy at the step wait: busy for 4 h; put back as it was",
        "bbb2: done: secret",
        "Run bbb_roll.py again for bbb1 at a quieter hour",
    )


def test_the_first_failure_stops_the_roll_and_says_how_to_go_on() -> None:
    ending, taken = rolled(DONE, FAILED, DONE)
    assert taken == ["bbb0", "bbb1"]
    assert ending.lines[1:] == (
        "bbb1: failed at the step change: the change has failed",
        "bbb2: not begun, because the roll stopped before",
        "Put that right and run bbb_roll.py again: it goes on with bbb1 where that is "
        "(docs/bbb-upgrade.md)",
    )
