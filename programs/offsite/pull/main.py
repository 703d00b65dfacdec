"""One pull of all datasets."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from programs.offsite.pull.command import Failed
from programs.offsite.pull.manifests import fetch_manifests
from programs.offsite.pull.server import Pull, Stale
from programs.offsite.pull.snapshots import here
from programs.shared.whole import put


def start() -> None:
    """Run the program with the arguments of its command line."""
    try:
        sys.exit(bool(main(json.loads(Path(sys.argv[1]).read_text()))))
    except Failed as error:
        sys.exit(f"the pull ended early: {error}")


def main(settings: dict[str, Any]) -> int:
    """Pull everything; returns how many datasets could not be pulled. Raises Failed."""
    pull = Pull(settings["host"], settings["bandwidth"])
    copies: dict[str, str] = settings["copies"]
    failed = pulled = 0
    stale: list[str] = []
    found = pull.there(list(copies))
    newest = {name: there[-1].created for name, there in found.items()}
    note(Path(settings["seen"]), {"at": int(time.time()), "newest": newest})
    targets = list(copies.values())
    kept = here(targets)
    for name, there in sorted(found.items()):
        source = next(source for source in copies if name.startswith(f"{source}/"))
        target = copies[source] + name.removeprefix(source)
        try:
            new = pull.dataset(name, target, there, kept)
            pulled += new
            print(f"{name}: {there[-1].name} {'pulled' if new else 'is here'}", flush=True)
        except Exception as error:
            # Whatever it is, the other datasets have nothing to do with it.
            failed += 1
            if isinstance(error, Stale):
                stale.append(target)
            print(f"{name}: not pulled: {error}", file=sys.stderr, flush=True)
    note(Path(settings["stale"]), stale)
    kept = here(targets) if pulled else kept
    fetch_manifests(pull, copies, kept.snapshots, Path(settings["manifests"]))
    return failed


def note(file: Path, content: Any) -> None:
    """Write the content as JSON, whole or not at all. Raises OSError."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(content))
    put(new, file)
