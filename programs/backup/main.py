"""Does what the command line asks for, one call at a time on a host."""

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from programs.backup import Settings
from programs.backup.command import Failed
from programs.backup.look import look
from programs.backup.night import night
from programs.backup.source import tidy
from programs.backup.store import opened
from programs.shared.lock import locked

# Not in /run/lock, where anybody could make the file first: whoever can read it can lock it.
LOCK = Path("/run/coop-backup.lock")
# How long a night waits for somebody who looks at the sets.
LOCK_SECONDS = 1800


def start() -> None:
    """Run the program with the arguments of its command line."""
    try:
        sys.exit(main(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:]))
    except (Failed, OSError) as error:
        sys.exit(str(error))


def main(settings: Settings, words: Sequence[str]) -> int:
    """Do what the words after FILE ask for; returns the exit status. Raises Failed."""
    LOCK.touch(0o600)
    with LOCK.open("w") as lock, ExitStack() as after:
        mine = locked(lock, LOCK_SECONDS if words == ["night"] else 0)
        if mine and words != ["night"]:
            # The tidy after a night that was cut off may have found the lock taken. So whoever has
            # the lock tidies at the end.
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
