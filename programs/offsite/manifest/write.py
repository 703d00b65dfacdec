"""A manifest in its file, and beside that what the next one need not read again."""

import gzip
import json
from pathlib import Path
from typing import Any

from programs.offsite.manifest import Known
from programs.offsite.manifest.lines import lines
from programs.shared.whole import put

CACHE = "cache.json"
# The clock of ctime ticks: two writes, one before a snapshot and one after, may get the same ctime.
# So a file that was so young at the last snapshot is read again.
YOUNG_NS = 2 * 10**9


def write(file: Path, root: Path, head: dict[str, Any]) -> None:
    """Write the manifest of what is at root, whole or not at all. head: its first line."""
    cache = file.parent / CACHE
    last = _last(cache)
    before_ns = int(last.get("created", 0)) * 10**9 - YOUNG_NS
    known: Known = {path: it for path, it in last.get("files", {}).items() if it[2] < before_ns}
    seen: Known = {}
    new = file.with_suffix(".new")
    try:
        with gzip.open(new, "wt") as out:
            out.write(json.dumps(head) + "\n")
            for line in lines(root, known, seen):
                out.write(f"{line}\n")
    except Exception:
        _keep(cache, head, {**known, **seen})
        raise
    put(new, file)
    _keep(cache, head, seen)


def _keep(cache: Path, head: dict[str, Any], files: Known) -> None:
    new = cache.with_suffix(".new")
    new.write_text(json.dumps({"created": head["created"], "files": files}))
    put(new, cache)


def _last(cache: Path) -> dict[str, Any]:
    """What was kept of the last manifest; nothing if that cannot be read: then all is read anew."""
    try:
        found = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
