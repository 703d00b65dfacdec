"""Programs that the lab runs on this machine."""

import subprocess
import time
from collections.abc import Callable, Collection

from lab.steps import step


class CommandFailed(AssertionError):
    """A command failed, here or on a machine; says which, where, and what it printed."""


def run(*words: str) -> str:
    """Run a program; returns what it printed. Raises CommandFailed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def wait_for(condition: Callable[[], bool], what: str, seconds: float, every: float = 0.5) -> None:
    """Wait until the condition holds. Raises AssertionError with `what` after so many seconds."""
    end = time.monotonic() + seconds
    with step("wait", what):
        while not condition():
            assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
            time.sleep(every)


def wait_until_none(
    left: Callable[[], Collection[object]], what: str, seconds: float, every: float = 3
) -> None:
    """Wait until nothing is left. Raises AssertionError with `what` and with what is left then."""
    seen: Collection[object] = ()

    def none() -> bool:
        nonlocal seen
        seen = left()
        return not seen

    try:
        wait_for(none, what, seconds, every)
    except AssertionError as error:
        raise AssertionError(f"{error}; left: {seen}") from None
