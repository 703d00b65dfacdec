"""The ZFS pool of a host: zpool-status(8), zpoolprops(7)."""

import calendar
import re
import time
from collections.abc import Iterator
from pathlib import Path

from programs.metrics import Found, Run, Settings
from programs.shared.exposition import labels

# A file by pool, which can be read while the pool is suspended and each command waits.
KSTAT = Path("/proc/spl/kstat/zfs")
# https://openzfs.github.io/openzfs-docs/man/master/7/zpoolconcepts.7.html#Device_Failure_and_Recovery
STATES = ("online", "degraded", "faulted", "offline", "removed", "unavail", "suspended", "absent")

MEANINGS = {
    "coop_pool_state": "Whether the pool is in this state: 1 or 0. absent: it is not imported.",
    "coop_pool_size_bytes": "How much the pool can hold, parity and copies included.",
    "coop_pool_free_bytes": "How much of that is free.",
    "coop_pool_errors": "How many errors of reading, writing and checksums its devices count.",
    "coop_pool_damaged_files": "How many files or blocks are damaged beyond repair.",
    "coop_pool_scrub_timestamp_seconds": (
        "When the last scrub ended; 0 if none did, or if a resilver came after it."
    ),
    "coop_pool_created_timestamp_seconds": "When the pool was made.",
    "coop_pool_scan_running": "Whether a scrub or a resilver is at work: 1 or 0.",
}


def expected(settings: Settings) -> Found | None:
    if settings.pool is None:
        return None
    return {
        **{name: {labels(pool=settings.pool): 0} for name in MEANINGS},
        "coop_pool_state": {labels(pool=settings.pool, state=it): 0 for it in STATES},
    }


def look(settings: Settings, run: Run) -> Iterator[Found]:
    assert settings.pool
    state, of_pool = _state(settings.pool), labels(pool=settings.pool)
    yield {"coop_pool_state": {labels(pool=settings.pool, state=state): 1}}
    if state == "absent":
        return
    size, free = run(["zpool", "list", "-Hpo", "size,free", settings.pool]).split()
    yield {
        "coop_pool_size_bytes": {of_pool: int(size)},
        "coop_pool_free_bytes": {of_pool: int(free)},
    }
    told = run(["zpool", "status", "-p", settings.pool])
    yield {
        "coop_pool_errors": {of_pool: errors(told)},
        "coop_pool_damaged_files": {of_pool: damaged(told)},
        "coop_pool_scrub_timestamp_seconds": {of_pool: scrubbed(told)},
        "coop_pool_scan_running": {of_pool: int(" in progress since " in told)},
    }
    # The dataset of the pool itself is as old as the pool: zfsprops(7).
    created = run(["zfs", "get", "-Hpo", "value", "creation", settings.pool])
    yield {"coop_pool_created_timestamp_seconds": {of_pool: int(created)}}


def is_imported(pool: str) -> bool:
    """Without it no command of ZFS should run: it would load the module, from OpenZFS 2.3 on."""
    return (KSTAT / pool).is_dir()


def _state(pool: str) -> str:
    return (KSTAT / pool / "state").read_text().strip().lower() if is_imported(pool) else "absent"


def errors(told: str) -> int:
    """The sum of the columns READ, WRITE and CKSUM of `zpool status -p`."""
    rows = re.findall(r"^\t *\S+ +[A-Z]+ +(\d+) +(\d+) +(\d+)", told, re.MULTILINE)
    return sum(int(it) for row in rows for it in row)


def damaged(told: str) -> int:
    line = re.search(r"^errors: (.*)$", told, re.MULTILINE)
    if line is None or line[1] == "No known data errors":
        return 0
    number = re.match(r"(\d+) data errors", line[1])
    return int(number[1]) if number else 1


def scrubbed(told: str) -> int:
    """When the last scrub ended, by a clock in UTC; 0 if the pool tells of none.

    A pool tells of its last scan alone. After a resilver the pool should be scrubbed in any case.
    """
    line = re.search(r"^ +scan: scrub repaired .* errors on (.+)$", told, re.MULTILINE)
    if line is None:
        return 0
    return calendar.timegm(time.strptime(line[1].strip(), "%a %b %d %H:%M:%S %Y"))
