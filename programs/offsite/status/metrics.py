"""The metrics for Prometheus."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from programs.offsite.status.problems import KINDS, Problem


def metrics(
    settings: dict[str, Any],
    seen: dict[str, Any],
    kept: dict[str, int],
    evidence: dict[str, dict[str, Any]],
    *,
    found: list[Problem],
    pruning_failed: bool,
    unreadable: int,
    now: int,
) -> str:
    """The same series in every case, so that an absent series can be an alert of its own.

    Only expected datasets have series: nobody waits for a snapshot or a proof of the others.
    """
    expected: list[str] = settings["expected"]
    places = {"source": seen.get("newest", {}), "offsite": kept}
    counted = Counter((it.dataset, it.kind) for it in found)
    families = [
        family(
            "coop_copy_newest_snapshot_timestamp_seconds",
            "When the newest snapshot was taken, 0 if there is none; source: by the last pull.",
            [
                ({"dataset": dataset, "place": place}, newest.get(dataset) or 0)
                for place, newest in places.items()
                for dataset in expected
            ],
        ),
        family(
            "coop_copy_last_proof_timestamp_seconds",
            "When a copy was last restored on trial, and all was well; 0 for never.",
            [({"dataset": it}, evidence.get(it, {}).get("proven", 0)) for it in expected],
        ),
        family(
            "coop_copy_problem",
            "Whether this is wrong with the dataset: 1 or 0.",
            [
                ({"dataset": dataset, "kind": kind}, counted[dataset, kind])
                for dataset in expected
                for kind in KINDS
            ],
        ),
        family(
            "coop_copy_pruning_failed",
            "Whether the last pruning failed, or the holds before it: 1 or 0.",
            [({}, int(pruning_failed))],
        ),
        family(
            "coop_copy_unreadable",
            "How many files and lists cannot be read of which all else is told.",
            [({}, unreadable)],
        ),
        family(
            "coop_copy_source_seen_timestamp_seconds",
            "When a pull last asked the source what it has; 0 for never.",
            [({}, seen.get("at", 0))],
        ),
        family(
            "coop_copy_status_timestamp_seconds",
            "When this was last looked at.",
            [({}, now)],
        ),
    ]
    return "".join(families)


def family(name: str, text: str, samples: Iterable[tuple[Mapping[str, str], int]]) -> str:
    """The lines of a gauge with these labels and values."""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        pairs = ",".join(f'{label}="{escaped(it)}"' for label, it in labels.items())
        # :d takes nothing but a whole number: root has not written all of them down.
        lines.append(f"{name}{{{pairs}}} {value:d}" if pairs else f"{name} {value:d}")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """The text as the value of a label."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
