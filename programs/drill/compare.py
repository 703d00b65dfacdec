"""The newest copy, compared with the manifest that the storage server wrote."""

import gzip
import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from programs.drill import Result
from programs.drill.command import Failed, call, in_short
from programs.shared.plain import plain

# A manifest's path has shared.tree.PATH_MAX bytes and a name at most, a link's target PATH_MAX.
# JSON may make six of each.
LINE = 2**16


def newest(manifests: Path, target: str, dataset: str) -> tuple[Result, Path]:
    """The newest snapshot here that has a manifest, and the manifest's file. Raises Failed."""
    columns = ("-o", "name,guid,creation", "-s", "createtxg")
    for line in reversed(
        call("zfs", "list", "-Hpd", "1", "-t", "snapshot", *columns, target).splitlines()
    ):
        name, guid, created = line.split("\t")
        snapshot = name.partition("@")[2]
        file = manifests / dataset / f"{snapshot}.gz"
        if file.exists():
            return {"snapshot": snapshot, "guid": guid, "created": int(created)}, file
    raise Failed("there is no snapshot with a manifest")


def compare(manifest: Path, shown: Iterator[str], snapshot: Result) -> dict[str, int]:
    """The numbers of files and bytes, if all is as the manifest says. Raises Failed otherwise."""
    end = "{}"
    try:
        with plain(manifest) as packed, gzip.open(packed, "rt") as file:
            # Never more than LINE at once: a server in the wrong hands may have written lines
            # without end.
            lines = iter(lambda: file.readline(LINE), "")
            head = json.loads(next(lines, "{}"))
            if not isinstance(head, dict) or not head.items() >= snapshot.items():
                raise Failed(f"the manifest is of another snapshot: {in_short(head)}")
            for number, (wanted, found) in enumerate(zip_longest(lines, shown, fillvalue=""), 2):
                if wanted != found:
                    raise Failed(
                        f"line {number} of the manifest says {in_short(wanted)}, the copy has "
                        f"{in_short(found)}"
                    )
                end = wanted
        totals: dict[str, int] = json.loads(end)
    except Failed:
        raise
    except Exception as error:
        # Whoever wrote the file chooses the error: OSError, EOFError, zlib.error, RecursionError...
        raise Failed(f"the manifest cannot be read: {in_short(error)}") from None
    if not isinstance(totals, dict) or totals.keys() != {"files", "bytes"}:
        raise Failed("the manifest is cut short")
    return totals
