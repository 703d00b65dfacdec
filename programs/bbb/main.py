"""Does what the command line asks for, one change at a time on a node."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import IO, Any

from programs.bbb import change, gate, look, meetings, probe, secrets, steps, verify, window
from programs.bbb.failed import Failed
from programs.bbb.lock import alone
from programs.bbb.root import Root
from programs.bbb.wanted import Wanted

MOST_INPUT = 2**16
USAGE = (
    "say look, meetings, probe, gate close, gate open, change [--wait SECONDS] [--cut], verify, or "
    "window read, write or clear"
)


def start() -> None:
    """Run the program with the arguments of its command line."""
    sys.exit(main(Root(), sys.argv[1:], sys.stdin.buffer, sys.stdout))


def main(root: Root, words: Sequence[str], given: IO[bytes], out: IO[str]) -> int:
    """Do what the words ask for and print the answer; returns the exit status."""
    try:
        if list(words) == ["steps"]:
            return steps.run(root)
        said = answer(root, words, given)
    except Failed as error:
        # Commands of the node may have printed one.
        said = {"problem": secrets.mask(root, str(error))}
    except OSError as error:
        said = {"problem": f"the node's own files cannot be used: {error}"}
    print(json.dumps(said), file=out)
    return 1 if "problem" in said else 0


def answer(root: Root, words: Sequence[str], given: IO[bytes]) -> dict[str, Any]:
    """Raises Failed."""
    calls: dict[str, Callable[[], dict[str, Any]]] = {
        "look": lambda: look.look(root),
        "meetings": lambda: meetings.answer(root),
        "probe": lambda: probe.probe(root),
        "gate close": lambda: _gate(root, gate.close, "closed"),
        "gate open": lambda: _gate(root, gate.open_, "open"),
        "verify": lambda: _alone(root, verify.verify),
        "window read": lambda: {"window": window.read(root)},
        "window write": lambda: {"window": window.write(root, given.read(MOST_INPUT))},
        "window clear": lambda: window.clear(root),
    }
    first, *rest = words or [""]
    if first == "change":
        wait, cut = _options(rest)
        return change.change(root, wait, cut)
    if does := calls.get(" ".join(words)):
        return does()
    raise Failed(USAGE)


def _gate(root: Root, move: Callable[[Root, Wanted], None], now: str) -> dict[str, Any]:
    with alone(root):
        move(root, steps.staged(root))
    return {"gate": now}


def _alone(root: Root, does: Callable[[Root], dict[str, Any]]) -> dict[str, Any]:
    with alone(root):
        return does(root)


def _options(words: Sequence[str]) -> tuple[float, bool]:
    """--wait SECONDS and --cut. Raises Failed."""
    wait, cut, left = 0.0, False, list(words)
    while left:
        match left:
            case ["--cut", *rest]:
                cut, left = True, rest
            case ["--wait", seconds, *rest] if seconds.isdecimal():
                wait, left = float(seconds), rest
            case _:
                raise Failed(USAGE)
    return wait, cut
