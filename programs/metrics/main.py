"""Looks by each collector, and writes what all of them found."""

import json
import sys
import time
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
    found, failed = look(settings, run)
    for name, text in failed.items():
        print(f"{name}: {text}", file=sys.stderr)
    try:
        replace(Path(settings.file), text_of(found))
    except OSError as error:
        print(f"the metrics cannot be written: {error}", file=sys.stderr)
        return 1
    return 0


def look(settings: Settings, run: Run) -> tuple[Found, dict[str, str]]:
    """What all collectors found, and by name why some of them failed."""
    found: Found = {name: {} for name in MEANINGS}
    failed = {}
    for each in COLLECTORS:
        name = each.__name__.rpartition(".")[2]
        expected = each.expected(settings)
        if expected is None:
            continue
        _add(found, expected)
        try:
            for piece in each.look(settings, run):
                _add(found, piece)
        except Exception as error:
            # What a host has may be made by hand, and be like nothing that anybody thought of.
            failed[name] = f"{type(error).__name__}: {error}"
        found["coop_metrics_collector_success"][labels(collector=name)] = int(name not in failed)
    found["coop_metrics_timestamp_seconds"][""] = int(time.time())
    return found, failed


def _add(found: Found, piece: Found) -> None:
    for name, values in piece.items():
        found[name].update(values)


def text_of(found: Found) -> str:
    """The text for Prometheus: only metrics of which the host has any."""
    return exposition({name: (MEANINGS[name], it) for name, it in found.items() if it})
