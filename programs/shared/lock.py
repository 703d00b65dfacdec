"""One at a time on a host, by a lock on an open file: flock(2). The end of the process ends it."""

import time
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import IO, Any

EVERY = 0.2
"""Seconds between two tries."""


def locked(file: IO[Any] | int, seconds: float = 0) -> bool:
    """Wait for the lock, so many seconds at most; returns whether this process has it."""
    end = time.monotonic() + seconds
    while True:
        try:
            flock(file, LOCK_EX | LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(EVERY)
