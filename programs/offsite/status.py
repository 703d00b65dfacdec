"""Tells how old the newest snapshots are, as the host sees it that keeps the copies.

Runs there as `status.py FILE [--look]`. It prints JSON, writes the same for Prometheus unless it
shall only look, and exits with 1 if anything is older than it may be: so that a pull that has
silently stopped is noticed, and a source that has stopped taking snapshots. FILE is JSON:

    copies    {source: target}
    expected  the datasets of the source that have to be fresh
    rpo       {"source": seconds, "offsite": seconds}: how old the newest may be
    seen      what pull.py has written down
    evidence  what drills have shown: programs/drill.py
    proof_seconds  how long a drill that went well counts
    metrics   the file to write: textfile collector of prometheus-node-exporter(1)

The source is judged at the moment of the last pull, as nobody has looked at it since.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# A snapshot that is younger than now by more than this comes from a clock that is wrong.
SKEW_SECONDS = 300
# It does not prune if not all is held that is due: hold.py.
PRUNING = "sanoid-prune.service"
METRIC = "coop_backup_newest_snapshot_timestamp_seconds"
PROOF = "coop_backup_last_proof_timestamp_seconds"
HEAD = f"""\
# HELP {METRIC} When the newest snapshot of a dataset was taken.
# TYPE {METRIC} gauge
# HELP {PROOF} When a copy was last restored on trial, and all was well.
# TYPE {PROOF} gauge
"""


def newest_kept(copies: dict[str, str]) -> dict[str, int]:
    """By the source's name, when the newest snapshot that is kept of each dataset was taken."""
    found: dict[str, int] = {}
    for source, target in copies.items():
        columns = ("-o", "name,creation", "-s", "createtxg")
        done = subprocess.run(
            ["zfs", "list", "-Hpr", "-t", "snapshot", *columns, target],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        for line in done.stdout.splitlines():
            name, created = line.split("\t")
            dataset = source + name.partition("@")[0].removeprefix(target)
            found[dataset] = int(created)
    return found


def problems(
    settings: dict[str, Any], seen: dict[str, Any], kept: dict[str, int], now: int
) -> Iterator[str]:
    """What is not as fresh as it should be."""
    looks = {
        "source": (seen.get("newest", {}), seen.get("at", 0)),
        "offsite": (kept, now),
    }
    for place, (newest, at) in looks.items():
        allowed = settings["rpo"][place]
        for dataset in settings["expected"]:
            created = newest.get(dataset)
            if created is None:
                yield f"{dataset}: {place}: no snapshot"
            elif created > at + SKEW_SECONDS:
                ahead = created - at
                yield f"{dataset}: {place}: from {ahead} s ahead: whose clock is wrong?"
            elif at - created > allowed:
                yield (
                    f"{dataset}: {place}: the newest snapshot is {at - created} s old, and may be "
                    f"{allowed}"
                )


def unproven(
    settings: dict[str, Any], evidence: dict[str, dict[str, Any]], now: int
) -> Iterator[str]:
    """What has not been restored for too long, or could not be the last time."""
    for dataset in settings["expected"]:
        last = evidence.get(dataset, {})
        age = now - last.get("proven", 0)
        if last.get("problem"):
            yield f"{dataset}: drill: {last['problem']}"
        elif not last.get("proven"):
            yield f"{dataset}: drill: it was never restored on trial"
        elif age < -SKEW_SECONDS:
            yield f"{dataset}: drill: the last is from {-age} s ahead: whose clock is wrong?"
        elif age > settings["proof_seconds"]:
            days, most = age // 86400, settings["proof_seconds"] // 86400
            yield f"{dataset}: drill: the last is {days} days ago, and counts for {most}"


def unpruned() -> Iterator[str]:
    """Whether the last pruning failed, or the holds before it."""
    asked = ["systemctl", "is-failed", "--quiet", PRUNING]
    if subprocess.run(asked, check=False).returncode == 0:
        yield f"nothing is pruned, nor surely held: journalctl -u {PRUNING}"


def metrics(seen: dict[str, Any], kept: dict[str, int], evidence: dict[str, dict[str, Any]]) -> str:
    places = {"source": seen.get("newest", {}), "offsite": kept}
    lines = [
        f'{METRIC}{{dataset="{dataset}",place="{place}"}} {created}\n'
        for place, newest in places.items()
        for dataset, created in sorted(newest.items())
    ]
    proofs = [
        f'{PROOF}{{dataset="{dataset}"}} {last["proven"]}\n'
        for dataset, last in sorted(evidence.items())
    ]
    return HEAD + "".join(lines + proofs)


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def main(settings: dict[str, Any], only_look: bool = False) -> int:
    seen, evidence = (_read(Path(settings[name])) for name in ("seen", "evidence"))
    kept, now = newest_kept(settings["copies"]), int(time.time())
    found = [*problems(settings, seen, kept, now), *unproven(settings, evidence, now), *unpruned()]
    print(json.dumps({"at": now, "source": seen, "offsite": kept, "problems": found}))
    if not only_look:
        new = Path(settings["metrics"]).with_suffix(".new")
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(metrics(seen, kept, evidence))
        new.replace(settings["metrics"])
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:] == ["--look"]))
