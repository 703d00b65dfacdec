"""Does what the command line asks for, one run at a time on a host."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from programs.recordings import Settings, Volume, settings_of, volume
from programs.recordings.child import Program
from programs.recordings.expire import expire
from programs.recordings.look import look
from programs.recordings.names import Recording
from programs.recordings.problems import Problem
from programs.recordings.published import scan
from programs.recordings.run import Run, owns
from programs.recordings.spool import NO_SPACE, fill
from programs.shared.lock import locked


def start() -> None:
    """Run the program with the arguments of its command line."""
    if len(sys.argv) < 3:
        sys.exit("say FILE, and then run or look")
    program = Program(Path(sys.argv[0]).absolute(), Path(sys.argv[1]).absolute())
    settings = settings_of(json.loads(program.file.read_text()))
    match sys.argv[2:]:
        case ["part", name]:
            print(json.dumps(part(settings, name, json.load(sys.stdin))))
        case words:
            sys.exit(main(program, settings, words))


def main(program: Program, settings: Settings, words: Sequence[str]) -> int:
    """Do what the words after FILE ask for; returns the exit status."""
    match words:
        case ["run"]:
            return run(program, settings)
        case ["look", *flags]:
            return look(program, settings, flags == ["--write"])
    print("say run, look or look --write", file=sys.stderr)
    return 2


def run(program: Program, settings: Settings) -> int:
    """A run, and then a look; 1 if another run is at work, or a part of one has not ended yet."""
    lock = os.open(settings.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not locked(lock):
        print("another run is at work, or waits for the storage", file=sys.stderr)
        return 1
    if not owns(settings):
        print(f"{settings.spool} is not BigBlueButton's own: run pyinfra", file=sys.stderr)
        return 1
    Run(program, settings, lock).all()
    return look(program, settings, write=True)


# The parts, by name: what each does with what it is given.
PARTS: dict[str, Callable[[Settings, Any], dict[str, Any]]] = {
    "scan": lambda settings, _: scan(settings),
    "spool": lambda settings, given: fill(settings, [Recording(*it) for it in given]),
    "expire": lambda settings, given: expire(settings, [(one, other) for one, other in given]),
    "put": lambda settings, given: volume.put(volume_of(settings), *given),
    "names": lambda settings, _: {"names": volume.names(volume_of(settings))},
    "kept": lambda settings, given: {"kept": volume.kept(volume_of(settings), given)},
    "now": lambda settings, _: {"now": volume.now(volume_of(settings))},
    "expire-volume": lambda settings, given: {"gone": volume.expire(volume_of(settings), given)},
}
ON_THE_VOLUME = ("put", "names", "kept", "now", "expire-volume")


def part(settings: Settings, name: str, given: Any) -> dict[str, Any]:
    """A part, for JSON: what it tells, or {"problem": [kind, text]}."""
    try:
        return PARTS[name](settings, given)
    except Problem as problem:
        return {"problem": [problem.kind, problem.text]}
    except OSError as error:
        kind = "away" if name in ON_THE_VOLUME else "failed"
        kind = "full" if error.errno in NO_SPACE else kind
        return {"problem": [kind, f"{name}: {error}"]}


def volume_of(settings: Settings) -> Volume:
    assert settings.volume
    return settings.volume
