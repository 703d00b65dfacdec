"""What a storage server exports by NFS, by the kernel's and exportfs(8)'s own tables."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from programs.metrics import Found, Run, Settings
from programs.shared.escapes import unescaped
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
    threads, table = 0, b""
    with suppress(FileNotFoundError):
        threads = int(THREADS.read_text())
    with suppress(FileNotFoundError):
        table = ETAB.read_bytes()
    found = {
        (unescaped(path), unescaped(client))
        for path, client in re.findall(rb"^(/[^ \t]*)[ \t]+([^ \t(]+)\(", table, re.MULTILINE)
    }
    yield {
        "coop_export_present": {
            labels(path=path, client=client): int((path, client) in found)
            for path, client in settings.exports
        },
        "coop_nfs_threads": {"": threads},
    }
