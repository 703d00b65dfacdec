"""The lines of a manifest, of a snapshot or of any other tree."""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from programs.offsite.manifest import Known
from programs.shared.tree import everything

BLOCK = 2**20
KINDS = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "link"}


def lines(root: Path, known: Known, seen: Known) -> Iterator[str]:
    """The manifest without its first line. The arguments are those of `rows`."""
    count = size = 0
    for row in rows(root, known, seen):
        yield json.dumps(row)
        if row[1] == "file":
            count, size = count + 1, size + row[-2]
    yield json.dumps({"files": count, "bytes": size})


def rows(root: Path, known: Known, seen: Known) -> Iterator[list[Any]]:
    """Everything below root, in order.

    known: files of earlier manifests, by path [inode, size, ctime in ns, digest]
    seen: gets the files of this manifest, in the same way
    """
    for where, at, name, found in everything(root):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "other")
        size, content = (found.st_size, None) if kind == "file" else (0, None)
        try:
            if kind == "link":
                content = os.readlink(name, dir_fd=at)
            elif kind == "file":
                content = _digest(name, at, found, known.get(where))
                seen[where] = [found.st_ino, found.st_size, found.st_ctime_ns, content]
        except OSError as error:
            if error.errno:
                error.filename = where
            raise
        mode = stat.S_IMODE(found.st_mode)
        yield [where, kind, mode, found.st_uid, found.st_gid, size, content]


def _digest(name: str, at: int, found: os.stat_result, known: list[Any] | None) -> str:
    """The SHA-256 of the file of this name in the directory `at`, which lstat found so.

    Raises OSError, also if something else has taken its place.
    """
    now = [found.st_ino, found.st_size, found.st_ctime_ns]
    if known and known[:3] == now:
        return str(known[3])
    digest = hashlib.sha256()
    # A FIFO that has taken the file's place is not waited for: open(2).
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    with os.fdopen(file, "rb") as content:
        if not os.path.samestat(os.fstat(file), found):
            raise OSError(errno.ESTALE, "another file has taken its place")
        while block := content.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
