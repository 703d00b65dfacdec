"""Holds and releases below each target, and gives stale parts up."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from programs.shared.plain import plain

TAG = "coop-offsite"
HOURS = {"hourly": 1, "daily": 24, "weekly": 24 * 7, "monthly": 24 * 31}
# How many names one command gets: a part of what Linux takes in one command line.
AT_ONCE = 500
# No list of stale parts may be larger, in bytes: it has a name for each dataset at most.
MOST = 2**20
# The longest name of a dataset: zfs(8).
NAME_MOST = 255

Retention = dict[str, int]


def start() -> None:
    """Run the program with the arguments of its command line."""
    sys.exit(bool(main(json.loads(Path(sys.argv[1]).read_text()), time.time())))


def main(settings: dict[str, Any], now: float) -> int:
    """Hold and release below each target; returns for how many targets this failed."""
    failed = 0
    for target, retention in settings["retentions"].items():
        try:
            hold, release = changes(listed(target), retention, now)
            zfs(["hold", TAG], hold)
            zfs(["release", TAG], ours(release))
        except Exception as error:
            # Whatever it is, the other targets have nothing to do with it.
            failed += 1
            print(f"{target}: {error!r}", file=sys.stderr, flush=True)
    give_up(Path(settings["stale"]), list(settings["retentions"]))
    return failed


def zfs(words: list[str], names: list[str]) -> list[str]:
    """Call zfs for AT_ONCE names at a time, never for none; returns the lines that it prints."""
    lines: list[str] = []
    for start in range(0, len(names), AT_ONCE):
        command = ["zfs", *words, *names[start : start + AT_ONCE]]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        lines += done.stdout.splitlines()
    return lines


def ours(names: list[str]) -> list[str]:
    """The names with a hold of this program. An admin's hold is the admin's to release."""
    rows = [line.split("\t") for line in zfs(["holds", "-H"], names)]
    return [row[0] for row in rows if row[1] == TAG]


def give_up(stale: Path, targets: list[str]) -> None:
    """Give stale parts up, once, and only below the targets: root has not written that file.

    The account that pulls must not be able to end the pruning. So nothing in the file is an error.
    """
    try:
        with plain(stale) as file:
            names = json.loads(file.read(MOST))
        if not isinstance(names, list) or not all(isinstance(it, str) for it in names):
            raise ValueError("it is no list of names")
        stale.unlink(missing_ok=True)
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError) as error:
        said = f"{stale} cannot be read, so nothing is given up: {error!r}"
        print(said, file=sys.stderr, flush=True)
        return
    # What is over the number comes again: the next pull finds it as stale as it was.
    for name in names[:AT_ONCE]:
        is_name = name.isprintable() and len(name) <= NAME_MOST
        if is_name and any(name.startswith(f"{target}/") for target in targets):
            subprocess.run(["zfs", "receive", "-A", name], check=False)


def listed(target: str) -> list[str]:
    columns = ("-o", "name,creation,userrefs", "-s", "createtxg")
    return zfs(["list", "-Hpr", "-t", "snapshot", *columns], [target])


def changes(lines: list[str], retention: Retention, now: float) -> tuple[list[str], list[str]]:
    """The snapshots to hold, and those to release.

    lines: of `zfs list -Hp -o name,creation,userrefs`, the oldest first
    """
    rows = [line.split("\t") for line in lines]
    newest = {name.partition("@")[0]: (name, int(created)) for name, created, _ in rows}
    hold, release = [], []
    for name, created, holds in rows:
        head, its_time = newest[name.partition("@")[0]]
        age = min(now, its_time) - int(created)
        is_due = name == head or age < kept_for(name, retention)
        if is_due and holds == "0":
            hold.append(name)
        elif not is_due and holds != "0":
            release.append(name)
    return hold, release


def kept_for(name: str, retention: Retention) -> float:
    """How many seconds from its creation on a snapshot is held."""
    snapshot = name.partition("@")[2]
    kind = snapshot.rpartition("_")[2]
    if not snapshot.startswith("autosnap_") or kind not in HOURS:
        return float("inf")
    return retention[kind] * HOURS[kind] * 3600.0
