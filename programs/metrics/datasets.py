"""The room that each volume has: zfsprops(7)."""

from collections.abc import Iterator

from programs.metrics import Found, Run, Settings
from programs.metrics.pool import is_imported
from programs.shared.exposition import labels

MEANINGS = {
    "coop_dataset_used_bytes": "How much the dataset takes, snapshots included.",
    "coop_dataset_available_bytes": "How much may still be written, by its quota and by the pool.",
}


def expected(settings: Settings) -> Found | None:
    if not settings.datasets:
        return None
    return {name: {labels(dataset=it): 0 for it in settings.datasets} for name in MEANINGS}


def look(settings: Settings, run: Run) -> Iterator[Found]:
    if not is_imported(str(settings.pool)):
        return
    # All of the pool: `zfs list` fails as a whole if one of the names is no dataset.
    words = ["zfs", "list", "-Hpr", "-t", "filesystem", "-o", "name,used,available"]
    told = run([*words, str(settings.pool)])
    found: Found = {name: {} for name in MEANINGS}
    for line in told.splitlines():
        dataset, used, available = line.split("\t")
        if dataset in settings.datasets:
            found["coop_dataset_used_bytes"][labels(dataset=dataset)] = int(used)
            found["coop_dataset_available_bytes"][labels(dataset=dataset)] = int(available)
    yield found
