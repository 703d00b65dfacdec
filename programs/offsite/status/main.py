"""Looks at all copies, and tells what is wrong."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from programs.offsite.status.files import is_evidence, is_seen, is_stale, read
from programs.offsite.status.metrics import metrics
from programs.offsite.status.problems import newest_kept, problems, unproven, unpruned
from programs.shared.whole import replace


def start() -> None:
    """Run the program with the arguments of its command line."""
    settings = json.loads(Path(sys.argv[1]).read_text())
    sys.exit(main(settings, sys.argv[2:] == ["--look"]))


def main(settings: dict[str, Any], only_look: bool = False) -> int:
    """Look, and write the metrics unless `only_look`; returns the exit status."""
    seen, unseen = read(Path(settings["seen"]), is_seen)
    evidence, lost = read(Path(settings["evidence"]), is_evidence)
    # The program hold uses this list, and cannot tell anybody.
    _, odd = read(Path(settings["stale"]), is_stale)
    seen, evidence = seen or {}, evidence or {}
    kept: dict[str, int] = {}
    unlisted: list[str] = []
    for source, target in settings["copies"].items():
        try:
            kept |= newest_kept({source: target})
        except Exception as error:
            unlisted.append(f"{target}: its snapshots cannot be listed: {error}")
    now = int(time.time())
    found = [*problems(settings, seen, kept, now), *unproven(settings, evidence, now)]
    pruning = [*unpruned()]
    unreadable = [*unseen, *lost, *odd, *unlisted]
    said = [*unreadable, *(it.text for it in found), *pruning]
    if not only_look:
        text = metrics(
            settings,
            seen,
            kept,
            evidence,
            found=found,
            pruning_failed=bool(pruning),
            unreadable=len(unreadable),
            now=now,
        )
        try:
            replace(Path(settings["metrics"]), text)
        except OSError as error:
            said.append(f"the metrics cannot be written: {error}")
    print(json.dumps({"at": now, "source": seen, "offsite": kept, "problems": said}))
    for problem in said:
        print(problem, file=sys.stderr)
    return 1 if said else 0
