"""What is asked for, one at a time on a host."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import IO

from programs.backup import Settings
from programs.backup.command import Failed
from programs.backup.look import look
from programs.backup.night import night
from programs.backup.source import tidy
from programs.backup.store import opened

# Not in /run/lock, where anybody may make it first; and who can read it can lock it.
LOCK = Path("/run/coop-backup.lock")
# How long a night waits for somebody who looks at the sets.
LOCK_SECONDS = 1800


def start() -> None:
    """The program, with the arguments of its command line."""
    try:
        sys.exit(main(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:]))
    except (Failed, OSError) as error:
        sys.exit(str(error))


def main(settings: Settings, words: Sequence[str]) -> int:
    LOCK.touch(0o600)
    with LOCK.open("w") as lock, ExitStack() as after:
        mine = locked(lock, LOCK_SECONDS if words == ["night"] else 0)
        if mine and words != ["night"]:
            # So of a night that was cut off nothing is left, whoever had the lock when it ended.
            after.callback(tidy, settings)
        match words:
            case ["look", *flags]:
                return look(settings, mine, flags == ["--write"])
            case ["tidy"]:
                return 0
            case ["night"] if mine:
                return night(settings)
            case ["run", *command] if command and mine:
                return run(settings, command)
            case ["night"] | ["run", _, *_]:
                raise Failed("another one is at work on this host")
    raise Failed("say night, look, tidy, or run COMMAND")


def run(settings: Settings, words: Sequence[str]) -> int:
    with opened(settings) as sets:
        return subprocess.run(words, env=sets.environment, check=False).returncode


def locked(lock: IO[str], seconds: float) -> bool:
    """Whether nobody else is at work, after so many seconds at most."""
    end = time.monotonic() + seconds
    while True:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(1)
