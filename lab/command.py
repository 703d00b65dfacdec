"""Programs that the lab runs on this machine."""

import subprocess


class CommandFailed(AssertionError):
    """A command failed, here or on a machine; says which, where, and what it printed."""


def run(*words: str) -> str:
    """Run a program; returns what it printed. Raises CommandFailed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout
