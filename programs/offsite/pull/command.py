"""Runs commands, one or several as a pipe."""

import subprocess
from typing import IO

LIST_SECONDS = 600


class Failed(Exception):
    """A dataset could not be pulled; says why."""


def output(command: list[str]) -> list[str]:
    """The lines that the command prints. Raises Failed."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, errors="backslashreplace", check=False,
            timeout=LIST_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[:3]} did not end within {LIST_SECONDS} s") from None
    if done.returncode != 0:
        raise Failed(f"{command[:3]} ended with {done.returncode}")
    return done.stdout.splitlines()


def pipe(*commands: list[str], out: IO[bytes] | None = None) -> None:
    """Run the commands as a pipe; the last one prints to `out`. Raises Failed if any fails."""
    running: list[subprocess.Popen[bytes]] = []
    for command in commands:
        before = running[-1].stdout if running else None
        after = out if command == commands[-1] else subprocess.PIPE
        running.append(subprocess.Popen(command, stdin=before or subprocess.DEVNULL, stdout=after))
        if before:
            # Only the next command still has this end: if that command ends, this one ends too.
            before.close()
    ended = [each.wait() for each in running]
    if any(ended):
        names = [command[0] for command in commands]
        raise Failed(f"{' | '.join(names)} ended with {ended}")
