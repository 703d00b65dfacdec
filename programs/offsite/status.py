"""Tells how old the newest snapshots and drills are, as the host that keeps the copies sees it.

`status.py FILE [--look]` runs on that host. It prints JSON, and without --look writes metrics for
Prometheus. It exits with 1 if anything is older than it may be, or wrong otherwise. So somebody
notices a pull that has silently stopped, and a source that no longer takes snapshots. FILE is JSON:

    copies    {source: target}
    expected  the datasets of the source that have to be fresh
    rpo       {"source": seconds, "offsite": seconds}: how old the newest snapshot may be
    seen, stale  files that pull.py writes
    evidence  the record of drills: programs/drill.py
    proof_seconds  how long a drill that went well counts
    metrics   the file to write: textfile collector of prometheus-node-exporter(1)

The program judges the source as of the last pull, because nobody has looked at it since. A file
that cannot be read, or holds something else than it should, is a problem that is told, and counts
as a file that says nothing.

docs/offsite.md lists the metrics. Their names and text are as in
https://prometheus.io/docs/practices/naming/ and .../docs/instrumenting/exposition_formats/.
"""

import json
import os
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

# A snapshot whose time is further in the future than this comes from a wrong clock.
SKEW_SECONDS = 300
LIST_SECONDS = 60
# No file that is read here may be larger, in bytes: each has some hundred for a dataset.
MOST = 2**23
# The last second that a date can have in four digits: what is later is no time.
TIME_MOST = 253402300799
# This unit prunes nothing if hold.py, which runs first, could not hold all that is due.
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


def write(file: Path, text: str) -> None:
    """Write the file whole or not at all, for everybody to read. Follows no link. Raises OSError.

    The role makes the directory: no other account can change what lies in it.
    """
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with new.open("x") as out:
        os.fchmod(out.fileno(), 0o644)
        out.write(text)
        out.flush()
        # Without this, a reset may leave an empty file, which reads as no series at all.
        os.fsync(out.fileno())
    new.replace(file)


def plain(file: Path) -> IO[bytes]:
    """Open a plain file of a place where another account may write. Raises OSError for all else.

    Follows no link at the end of the path, and does not wait, as for the writer of a FIFO: open(2).
    """
    found = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(f"{file} is no plain file")
    return os.fdopen(found, "rb")


def _read(file: Path, is_right: Callable[[Any], bool]) -> tuple[Any, list[str]]:
    """What the file says, None if there is none; and the problem with the file, if there is one.

    is_right: whether JSON has the form that the file should have
    """
    try:
        with plain(file) as opened:
            found = json.loads(opened.read(MOST))
        if not is_right(found):
            raise ValueError("it says something else than it should")
    except FileNotFoundError:
        return None, []
    except (OSError, ValueError, RecursionError) as error:
        return None, [f"{file} cannot be read: {error}"]
    return found, []


def _is_time(value: Any) -> bool:
    return type(value) is int and 0 <= value <= TIME_MOST


def _is_seen(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and _is_time(found.get("at"))
        and isinstance(found.get("newest"), dict)
        and all(map(_is_time, found["newest"].values()))
    )


def _is_stale(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(it, str) for it in found)


def _is_evidence(found: Any) -> bool:
    return isinstance(found, dict) and all(
        isinstance(it, dict)
        and _is_time(it.get("proven"))
        and isinstance(it.get("problem"), str | None)
        for it in found.values()
    )


def main(settings: dict[str, Any], only_look: bool = False) -> int:
    """Look, and write the metrics unless `only_look`; returns the exit status."""
    seen, unseen = _read(Path(settings["seen"]), _is_seen)
    evidence, lost = _read(Path(settings["evidence"]), _is_evidence)
    # hold.py uses this list, and cannot tell anybody.
    _, odd = _read(Path(settings["stale"]), _is_stale)
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
            write(Path(settings["metrics"]), text)
        except OSError as error:
            said.append(f"the metrics cannot be written: {error}")
    print(json.dumps({"at": now, "source": seen, "offsite": kept, "problems": said}))
    for problem in said:
        print(problem, file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:] == ["--look"]))
