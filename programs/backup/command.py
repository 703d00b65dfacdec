"""Runs commands of the host. A failure says what the command printed."""

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from typing import Any

# How often `patiently` tries, a second apart.
TRIES = 30


class Failed(Exception):
    """Says what failed and why; of a command, what it printed."""


def call(*words: str, timeout: float | None = None, **options: Any) -> str:
    """Run a command, `timeout` seconds at most; returns what it prints. Raises Failed."""
    try:
        done = subprocess.run(
            words, capture_output=True, stdin=subprocess.DEVNULL,
            # A name of a file is any bytes.
            text=True, errors="backslashreplace", timeout=timeout, check=False, **options,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(words[:3])}: no answer within {timeout:.0f} s") from None
    if done.returncode != 0:
        said = in_short(done.stderr.strip() or done.stdout.strip())
        raise Failed(f"{' '.join(words[:3])}: exit {done.returncode}: {said}")
    return str(done.stdout)


def in_short(said: str) -> str:
    """The first lines and the last, without borg's traceback, which has the cause at its end."""
    lines = takewhile(lambda line: not line.startswith("Platform:"), said.splitlines())
    plain = [it for it in lines if it.strip() and not it.startswith((" ", "Traceback"))]
    return "\n".join(plain[:3] + plain[3:][-1:])


def patiently(done: Callable[[], object]) -> None:
    """Try until it is done. Raises Failed or OSError if the last attempt does."""
    for _ in range(TRIES - 1):
        with suppress(Failed, OSError):
            done()
            return
        time.sleep(1)
    done()
