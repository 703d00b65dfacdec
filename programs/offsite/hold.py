"""Holds every snapshot here for its full time, whatever the storage server does.

`hold.py FILE` runs as root on the host that keeps the copies, after each pull and before sanoid
prunes anything. No stream from the storage server can take a hold away: zfs-hold(8). FILE is JSON,
of which the program uses

    retentions  {target: {"hourly": 48, ...}}: how many snapshots sanoid keeps below that dataset
    stale       the file where pull.py names datasets with a part that no pull can go on with

The program holds a snapshot of sanoid's for that count times its period. It holds any other
snapshot for ever, because nobody prunes it here. It holds the newest of each dataset whatever its
age, because the next pull goes on from it.

For a dataset, "now" is the time of its newest snapshot, or of the clock here if that is earlier. So
a hold ends early only if the clocks of both hosts are wrong, and not at all if nothing new comes.

The program gives stale parts up, because only root may. This touches nothing that has arrived
whole: -A in zfs-receive(8). If their list cannot be read, the program tells that, and leaves the
list to the next pull, which writes the list anew.
"""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

TAG = "coop-offsite"
HOURS = {"hourly": 1, "daily": 24, "weekly": 24 * 7, "monthly": 24 * 31}
# How many names one command gets: a part of what Linux takes in one command line.
AT_ONCE = 500
# No list of stale parts may be larger, in bytes: it has a name for each dataset at most.
MOST = 2**20
# The longest name of a dataset: zfs(8).
NAME_MOST = 255

Retention = dict[str, int]


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


def plain(file: Path) -> IO[bytes]:
    """Open a plain file of a place where another account may write. Raises OSError for all else.

    Follows no link at the end of the path, and does not wait, as for the writer of a FIFO: open(2).
    """
    found = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(f"{file} is no plain file")
    return os.fdopen(found, "rb")


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


if __name__ == "__main__":
    sys.exit(bool(main(json.loads(Path(sys.argv[1]).read_text()), time.time())))
