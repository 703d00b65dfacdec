"""How long the lab's steps take: what is done to machines, and what is waited for.

tests/lab/conftest.py prints the longest of them when the tests have ended.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """What was done (run, restore, snapshot, command, wait), to what, and the seconds it took."""

    kind: str
    what: str
    seconds: float


STEPS: list[Step] = []
_within = ContextVar("_within", default=False)


@contextmanager
def step(kind: str, what: str) -> Iterator[None]:
    """Record what the block does as one step. Steps within a step do not count."""
    if _within.get():
        yield
        return
    _within.set(True)
    start = time.monotonic()
    try:
        yield
    finally:
        _within.set(False)
        STEPS.append(Step(kind, what, time.monotonic() - start))
