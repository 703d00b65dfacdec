"""Node after node, in the order of the data, up to the first that fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controller.roll.steps import Outcome, Result

NOT_BEGUN = "not begun, because the roll stopped before"


@dataclass(frozen=True)
class Turn:
    """A node's turn. take: takes the node through its window, and says how it came out"""

    name: str
    take: Callable[[], Result]


@dataclass(frozen=True)
class Ending:
    """How a roll ended. status: pyinfra's exit status; lines: what to tell of the nodes"""

    status: int
    lines: tuple[str, ...]


def roll(turns: Sequence[Turn]) -> Ending:
    """Take the nodes one at a time.

    The status is 0 if all that waited is done, 1 if a node failed, 2 if nodes were busy.
    """
    results: dict[str, Result] = {}
    for turn in turns:
        results[turn.name] = result = turn.take()
        if result.outcome == Outcome.FAILED:
            break
    outcomes = {it.outcome for it in results.values()}
    status = 1 if Outcome.FAILED in outcomes else 2 if Outcome.BUSY in outcomes else 0
    lines = [_line(turn.name, results.get(turn.name)) for turn in turns]
    return Ending(status, (*lines, *_how_to_go_on(results)))


def _line(name: str, result: Result | None) -> str:
    if result is None:
        return f"{name}: {NOT_BEGUN}"
    at = f" at the step {result.step}" if result.step else ""
    return f"{name}: {result.outcome}{at}: {result.text}"


def _how_to_go_on(results: dict[str, Result]) -> list[str]:
    lines = []
    for name, result in results.items():
        if result.outcome == Outcome.FAILED:
            lines.append(
                f"Put that right and run bbb_roll.py again: it goes on with {name} where that is "
                "(docs/bbb-upgrade.md)"
            )
        if result.outcome == Outcome.BUSY:
            lines.append(f"Run bbb_roll.py again for {name} at a quieter hour")
    return lines
