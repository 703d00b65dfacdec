"""Does what the command line asks for: all drills one after the other, or one."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from programs.drill import Result, Settings
from programs.drill.record import keep, recorded, said
from programs.drill.restore import one

ALONE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
# How long one drill may take, before it is the next one's turn.
SECONDS = 24 * 3600


def start() -> None:
    """Run the program with the arguments of its command line."""
    sys.exit(main(sys.argv[1:]))


def main(words: Sequence[str]) -> int:
    """Make one drill, or all; returns the exit status. words: FILE, or FILE and NAME"""
    settings: Settings = json.loads(Path(words[0]).read_text())
    if len(words) == 2:
        print(json.dumps(one(settings, words[1])))
        return 0
    return 1 if all_of_them(settings, [sys.executable, "-I", sys.argv[0], words[0]]) else 0


def all_of_them(settings: Settings, words: Sequence[str]) -> int:
    """Make and record all drills; returns how many failed. words: of this program, with its FILE"""
    file = Path(settings["evidence"])
    record, failed = recorded(file), 0
    for name, each in settings["drills"].items():
        result = _apart([*words, name])
        proven = record.get(each["dataset"], {}).get("proven", 0)
        if result["problem"] is None:
            proven = result["at"]
        failed += result["problem"] is not None
        record[each["dataset"]] = {**result, "proven": proven}
        print(f"{each['dataset']}: {said(result)}", flush=True)
        keep(file, record)
    return failed


def _apart(words: Sequence[str]) -> Result:
    """The result of one drill in namespaces of its own. Whatever ends it ends no other."""
    problem = f"the drill did not end within {SECONDS} s"
    try:
        done = subprocess.run(
            [*ALONE, *words], stdout=subprocess.PIPE, text=True, check=False, timeout=SECONDS
        )
        problem = f"the drill ended with {done.returncode}"
        result: Result = json.loads(done.stdout)
        return result
    except (subprocess.TimeoutExpired, ValueError):
        return {"at": int(time.time()), "problem": problem}
