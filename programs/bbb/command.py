"""Runs commands of the node. A failure says what the command printed."""

import os
import subprocess
from collections.abc import Mapping
from typing import IO

from programs.bbb.failed import Failed

# With -I nobody has set the language, but the caller of the program may have.
PLAIN = {"LC_ALL": "C.UTF-8"}


def call(*words: str, timeout: float = 60, env: Mapping[str, str] | None = None) -> str:
    """Run a command, `timeout` seconds at most; returns what it prints. Raises Failed."""
    status, out, said = ask(*words, timeout=timeout, env=env)
    if status != 0:
        last = "\n".join((said.strip() or out.strip()).splitlines()[-6:])
        raise Failed(f"{_named(words)}: exit {status}: {last}")
    return out


def ask(
    *words: str, timeout: float = 60, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run a command; returns exit status, stdout and stderr. Raises Failed if it does not end."""
    try:
        done = subprocess.run(
            words, capture_output=True, stdin=subprocess.DEVNULL, text=True,
            errors="backslashreplace", timeout=timeout, check=False,
            env={**os.environ, **PLAIN, **(env or {})},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"{_named(words)}: no end within {timeout:.0f} s") from None
    except OSError as error:
        raise Failed(f"{_named(words)}: {error.strerror}") from None
    return done.returncode, done.stdout, done.stderr


def logged(*words: str, log: IO[bytes], env: Mapping[str, str] | None = None) -> None:
    """Run a command that prints into the log, without a limit: the unit has one. Raises Failed.

    The command gets the file itself, and no pipe: what it leaves running would keep a pipe open.
    """
    log.write(f"$ {' '.join(words)}\n".encode())
    log.flush()
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False,
            env={**os.environ, **PLAIN, **(env or {})},
        )  # fmt: skip
    except OSError as error:
        raise Failed(f"{_named(words)}: {error.strerror}") from None
    if done.returncode != 0:
        raise Failed(f"{_named(words)}: exit {done.returncode}: the log says why")


def _named(words: tuple[str, ...]) -> str:
    """The command in short, without its settings for apt."""
    kept = [it for before, it in zip(("", *words), words, strict=False) if "-o" not in (before, it)]
    return " ".join(kept[:6])
