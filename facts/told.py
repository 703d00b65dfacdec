"""What a program of this project tells of its host: JSON, or on stderr why it tells nothing."""

import json
from itertools import takewhile
from shlex import quote
from typing import Any

from engine.fact import lines_of, sections, whole

SECONDS = 300
# How the shell, and Python, say that the program or its settings are not there: in English, as
# neither is translated.
ABSENT = ("not found", "No such file or directory")


def told_by(program: str) -> str:
    """The command of a fact that runs this command line, and reads the output with `told`.

    A program that does not end, because a store does not answer, is ended after SECONDS.
    """
    return whole(telling(program))


def telling(program: str) -> str:
    """POSIX sh of `told_by`, for a fact that asks for more. What follows begins a section."""
    limited = f"timeout -s KILL {SECONDS} sh -c {quote(program)}"
    return (
        f"{{ why=$({limited} 2>&1 >&3); code=$?; }} 3>&1\n"
        "printf '##ended\\t%s\\n' \"$code\"\n"
        "printf '%s\\n' \"$why\" | tail -n 1"
    )


def told(output: list[str]) -> tuple[dict[str, Any] | None, str]:
    """What the program told, None for nothing; and then the reason, for a person to read.

    Raises ValueError if it told anything else than JSON.
    """
    (ended,) = (it for it in sections(output) if it.title == "ended")
    text = "".join(takewhile(lambda line: not line.startswith("##ended\t"), output))
    if text:
        return dict(json.loads(text)), ""
    why = "".join(lines_of(output, "ended")).strip() or f"exit {ended.fields[1]}"
    if ended.fields[1] == "137":
        return None, f"no answer within {SECONDS} s"
    return None, "was this host converged?" if any(it in why for it in ABSENT) else why
