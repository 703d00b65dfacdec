"""What a storage server exports by NFS, by the kernel's and exportfs(8)'s own tables."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from programs.metrics import Found, Run, Settings
from programs.shared.exposition import labels

# exportfs(8): the master export table.
ETAB = Path("/var/lib/nfs/etab")
THREADS = Path("/proc/fs/nfsd/threads")

MEANINGS = {
    "coop_export_present": "Whether this path is exported to this client: 1 or 0.",
    "coop_nfs_threads": "How many threads serve NFS; 0 if the server does not run.",
}


def expected(settings: Settings) -> Found | None:
    if not settings.exports:
        return None
    return {
        "coop_export_present": {labels(path=it, client=to): 0 for it, to in settings.exports},
        "coop_nfs_threads": {"": 0},
    }


def look(settings: Settings, run: Run) -> Iterator[Found]:
    threads, table = 0, ""
    with suppress(FileNotFoundError):
        threads = int(THREADS.read_text())
    with suppress(FileNotFoundError):
        table = ETAB.read_text(errors="surrogateescape")
    found = {
        (_unescaped(path), client)
        for path, client in re.findall(r"^(/[^ \t]*)[ \t]+([^ \t(]+)\(", table, re.MULTILINE)
    }
    yield {
        "coop_export_present": {
            labels(path=path, client=client): int((path, client) in found)
            for path, client in settings.exports
        },
        "coop_nfs_threads": {"": threads},
    }


def _unescaped(path: str) -> str:
    r"""exports(5): a space is \040."""
    return re.sub(r"\\([0-7]{3})", lambda it: chr(int(it[1], 8)), path)
