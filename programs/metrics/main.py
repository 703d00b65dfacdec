"""Looks by each collector, and writes what all of them found."""

import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from programs.metrics import (
    Found,
    Run,
    Settings,
    accounts,
    bbb,
    boot,
    datasets,
    exports,
    firewall,
    mounts,
    pool,
    settings_of,
    tunnel,
    units,
)
from programs.metrics.command import Commands
from programs.shared.exposition import exposition, labels
from programs.shared.whole import replace


class Collector(Protocol):
    """A module of this program: programs/metrics/__init__.py."""

    __name__: str
    MEANINGS: dict[str, str]

    def expected(self, settings: Settings) -> Found | None: ...

    def look(self, settings: Settings, run: Run) -> Iterator[Found]: ...


COLLECTORS: tuple[Collector, ...] = (
    pool, datasets, exports, mounts, tunnel, firewall, units, accounts, boot, bbb,
)  # fmt: skip

OWN = {
    "coop_metrics_collector_success": "Whether all of this part could be looked at: 1 or 0.",
    "coop_metrics_timestamp_seconds": "When this was last looked at.",
}
# Of these 0 says that all is well, or that somebody has destroyed something: nobody may read that
# where a command was only slow.
KEPT = {
    *(pool.MEANINGS.keys() - {"coop_pool_state"}),
    *datasets.MEANINGS,
    *units.MEANINGS,
    *boot.MEANINGS,
    "coop_bbb_changing",
}
MEANINGS = {**OWN, **{name: it for each in COLLECTORS for name, it in each.MEANINGS.items()}}


def start() -> None:
    """Run the program with the arguments of its command line."""
    match sys.argv[1:]:
        case [file]:
            settings = settings_of(json.loads(Path(file).read_text()))
            sys.exit(main(settings, Commands(Path(settings.locks))))
    sys.exit("say FILE")


def main(settings: Settings, run: Run) -> int:
    """Look, and write the metrics; returns the exit status."""
    found, failed = look(settings, run, before(Path(settings.file)))
    for name, text in failed.items():
        print(f"{name}: {text}", file=sys.stderr)
    try:
        replace(Path(settings.file), text_of(found))
    except OSError as error:
        print(f"the metrics cannot be written: {error}", file=sys.stderr)
        return 1
    return 0


def before(file: Path) -> Found:
    """What the last look has written; nothing if there was none, or if nobody can read it."""
    try:
        text = file.read_text()
    except (OSError, ValueError):
        return {}
    found: Found = defaultdict(dict)
    # All of KEPT are whole numbers.
    for name, which, value in re.findall(r"^(\w+)(\{.*\})? (\d+)$", text, re.MULTILINE):
        found[name][which] = int(value)
    return found


def look(settings: Settings, run: Run, last: Found) -> tuple[Found, dict[str, str]]:
    """What all collectors found, and by name why some of them failed.

    last: what the last look found
    """
    found: Found = {name: {} for name in MEANINGS}
    failed = {}
    for each in COLLECTORS:
        name = each.__name__.rpartition(".")[2]
        expected = each.expected(settings)
        if expected is None:
            continue
        told: Found = defaultdict(dict)
        try:
            for piece in each.look(settings, run):
                _add(told, piece)
        except Exception as error:
            # What a host has may be made by hand, and be like nothing that anybody thought of.
            failed[name] = f"{type(error).__name__}: {error}"
        lost = KEPT - told.keys() if name in failed else set()
        _add(found, {it: last.get(it, {}) if it in lost else expected[it] for it in expected})
        _add(found, told)
        found["coop_metrics_collector_success"][labels(collector=name)] = int(name not in failed)
    found["coop_metrics_timestamp_seconds"][""] = int(time.time())
    return found, failed


def _add(found: Found, piece: Found) -> None:
    for name, values in piece.items():
        found[name].update(values)


def text_of(found: Found) -> str:
    """The text for Prometheus: only metrics of which the host has any."""
    return exposition({name: (MEANINGS[name], it) for name, it in found.items() if it})
