"""Keeps calls that change something apart."""

from collections.abc import Iterator
from contextlib import contextmanager

from programs.bbb.failed import Failed
from programs.bbb.root import STATE, Root
from programs.shared.lock import locked

# Not in /run/lock, where anybody could make the file first: whoever can read it can lock it.
LOCK = "/run/coop-bbb.lock"
# A call whose connection was lost may still be at work: closing the gate takes the longest.
SECONDS = 150.0


def is_held(root: Root) -> bool:
    """Whether a call is at work that changes something, or may have been a moment ago."""
    try:
        with root.at(LOCK).open("r+b") as file:
            return not locked(file)
    except FileNotFoundError:
        return False


@contextmanager
def alone(root: Root) -> Iterator[None]:
    """Only one call at a time, on a node where the program's state is root's. Raises Failed."""
    it = root.at(STATE)
    if it.exists() and (it.stat().st_uid != root.uid or it.stat().st_mode & 0o077):
        raise Failed(f"others than root get into {STATE}: chmod 700 {STATE}")
    lock = root.at(LOCK)
    lock.touch(0o600)
    with lock.open("r+b") as file:
        if not locked(file, SECONDS):
            raise Failed("another call of coop-bbb is at work here: try again")
        yield
