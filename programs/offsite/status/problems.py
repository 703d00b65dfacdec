"""What is wrong with the copies: too old, from the future, not proven, not pruned."""

import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

# A snapshot whose time is further in the future than this comes from a wrong clock.
SKEW_SECONDS = 300
LIST_SECONDS = 60
# This unit prunes nothing if the program hold, which runs first, could not hold all that is due.
PRUNING = "sanoid-prune.service"
# What may be wrong with a dataset: its snapshots on the source and here, and its last drill.
KINDS = (
    "source_missing",
    "source_ahead",
    "source_old",
    "offsite_missing",
    "offsite_ahead",
    "offsite_old",
    "drill_missing",
    "drill_ahead",
    "drill_old",
    "drill_failed",
)


class Problem(NamedTuple):
    """kind: one of KINDS; text: for a person to read."""

    dataset: str
    kind: str
    text: str


def newest_kept(copies: dict[str, str]) -> dict[str, int]:
    """When each dataset's newest snapshot here was taken, by the dataset's name on the source."""
    found: dict[str, int] = {}
    for source, target in copies.items():
        columns = ("-o", "name,creation", "-s", "createtxg")
        done = subprocess.run(
            ["zfs", "list", "-Hpr", "-t", "snapshot", *columns, target],
            stdout=subprocess.PIPE, text=True, check=True, timeout=LIST_SECONDS,
        )  # fmt: skip
        for line in done.stdout.splitlines():
            name, created = line.split("\t")
            dataset = source + name.partition("@")[0].removeprefix(target)
            found[dataset] = int(created)
    return found


def problems(
    settings: dict[str, Any], seen: dict[str, Any], kept: dict[str, int], now: int
) -> Iterator[Problem]:
    """The expected datasets that are not as fresh as they should be."""
    looks = {
        "source": (seen.get("newest", {}), seen.get("at", 0)),
        "offsite": (kept, now),
    }
    for place, (newest, at) in looks.items():
        allowed = settings["rpo"][place]
        for dataset in settings["expected"]:
            created = newest.get(dataset)
            if created is None:
                kind, text = "missing", "no snapshot"
            elif created > at + SKEW_SECONDS:
                kind, text = "ahead", f"from {created - at} s ahead: whose clock is wrong?"
            elif at - created > allowed:
                age = at - created
                kind, text = "old", f"the newest snapshot is {age} s old, and may be {allowed}"
            else:
                continue
            yield Problem(dataset, f"{place}_{kind}", f"{dataset}: {place}: {text}")


def unproven(
    settings: dict[str, Any], evidence: dict[str, dict[str, Any]], now: int
) -> Iterator[Problem]:
    """The expected datasets whose last good drill is too long ago, or whose last drill failed."""
    for dataset in settings["expected"]:
        last = evidence.get(dataset, {})
        age = now - last.get("proven", 0)
        if last.get("problem"):
            kind, text = "failed", last["problem"]
        elif not last.get("proven"):
            kind, text = "missing", "it was never restored on trial"
        elif age < -SKEW_SECONDS:
            kind, text = "ahead", f"the last is from {-age} s ahead: whose clock is wrong?"
        elif age > settings["proof_seconds"]:
            days, most = age // 86400, settings["proof_seconds"] // 86400
            kind, text = "old", f"the last is {days} days ago, and counts for {most}"
        else:
            continue
        yield Problem(dataset, f"drill_{kind}", f"{dataset}: drill: {text}")


def unpruned() -> Iterator[str]:
    """A text if the last pruning failed, or the holds before it."""
    asked = ["systemctl", "is-failed", "--quiet", PRUNING]
    if subprocess.run(asked, check=False).returncode == 0:
        yield f"nothing is pruned, nor surely held: journalctl -u {PRUNING}"
