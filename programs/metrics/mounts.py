"""The file systems that a host has to have mounted: proc(5), mountinfo."""

from collections.abc import Iterator
from pathlib import Path

from programs.metrics import Failed, Found, Run, Settings
from programs.shared.escapes import unescaped
from programs.shared.exposition import labels

TABLE = Path("/proc/self/mountinfo")

MEANINGS = {
    "coop_mount_present": "Whether the right kind of file system is mounted at this path: 1 or 0.",
    "coop_mount_answers": "Whether that file system answered within five seconds: 1 or 0.",
}


def expected(settings: Settings) -> Found | None:
    if not settings.mounts:
        return None
    return {name: {labels(path=it): 0 for it in settings.mounts} for name in MEANINGS}


def look(settings: Settings, run: Run) -> Iterator[Found]:
    mounted = _mounted()
    present = {path for path, kind in settings.mounts.items() if mounted.get(path) == kind}
    yield {"coop_mount_present": {labels(path=it): 1 for it in present}}
    yield {"coop_mount_answers": {labels(path=it): int(_answers(it, run)) for it in present}}


def _mounted() -> dict[str, str]:
    """By path, the type of what is mounted there last: it hides what was there before."""
    found = {}
    for line in TABLE.read_bytes().rstrip(b"\n").split(b"\n"):
        place, _, filesystem = line.partition(b" - ")
        found[unescaped(place.split(b" ")[4])] = filesystem.split(b" ")[0].decode()
    return found


def _answers(path: str, run: Run) -> bool:
    try:
        run(["stat", "--file-system", "--", path])
    except Failed:
        return False
    return True
