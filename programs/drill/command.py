"""Runs commands of the host, and says what they print."""

import subprocess
from collections.abc import Sequence


class Failed(Exception):
    """Says why nobody can rely on the copy."""


def call(*words: str, stdin: str = "", ok: Sequence[int] = (0,)) -> str:
    """Run a command; returns what it prints, errors first. Raises Failed if its exit is not ok."""
    done = subprocess.run(
        words, input=stdin, capture_output=True, text=True, errors="backslashreplace", check=False
    )
    if done.returncode not in ok:
        said = done.stderr.strip() or done.stdout.strip()
        raise Failed(f"{' '.join(words[:2])}: exit {done.returncode}: {said[-1000:]}")
    return done.stderr + done.stdout


def in_short(text: object) -> str:
    """Enough of the text to know it again, and nothing that a terminal or a log would obey."""
    return ascii(str(text).strip())[1:-1][:300] or "nothing more"
