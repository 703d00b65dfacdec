"""Writes down what is in the newest snapshot of each dataset: the storage server's own word.

    manifest.py write DIRECTORY ROOT...   write the manifests: as root, in a mount namespace of its
                                          own, each time after snapshots were taken
    manifest.py show TREE                 print the manifest of any directory, but its first line

A drill compares the two, on another host and much later. If they differ, something was changed in
between.

A dataset below a ROOT has the manifest DIRECTORY/DATASET/SNAPSHOT.gz: JSON, one value a line,

    {"dataset": ..., "snapshot": ..., "guid": ..., "created": ...}    created: seconds since 1970
    [path, kind, mode, uid, gid, size, SHA-256 of a file or target of a link]   for each, in order
    {"files": number, "bytes": their sum}                     the end: it says that all is there

The program reads a file again only if its inode, size or ctime has changed since the last manifest:
only root can set a ctime, utimensat(2). If a dataset takes too long, the program leaves it for the
next time, which goes on with what was read. So a client that makes a file of a petabyte, without
writing any of it, keeps no other dataset from getting its manifest. Nor does a client that makes
more files than the program has memory for: a process of its own writes each manifest.
"""

import gzip
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

HERE = Path("/run/coop-manifest")
CACHE = "cache.json"
# The clock of ctime ticks: two writes, one before a snapshot and one after, may get the same ctime.
# So a file that was so young at the last snapshot is read again.
YOUNG_NS = 2 * 10**9
BLOCK = 2**20
# How long one dataset may take, before it is the next one's turn: less than the age that a drill
# allows a snapshot.
SECONDS = 1800
KINDS = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "link"}

Known = dict[str, list[Any]]


def rows(root: Path, known: Known, seen: Known) -> Iterator[list[Any]]:
    """Everything below root, in order.

    known: files of earlier manifests, by path [inode, size, ctime in ns, digest]
    seen: gets the files of this manifest, in the same way
    """
    # Without recursion, because a client makes directories as deep as it likes: os.walk of Python
    # 3.11 calls itself for each.
    todo = [root]
    while todo:
        directory, below = todo.pop(), []
        # The root itself is a row too.
        names = sorted(it.name for it in directory.iterdir())
        for name in ([""] if directory is root else []) + names:
            path = directory / name
            where = str(path.relative_to(root))
            found = path.lstat()
            kind = KINDS.get(stat.S_IFMT(found.st_mode), "other")
            size, content = (found.st_size, None) if kind == "file" else (0, None)
            if kind == "directory" and name:
                below.append(path)
            if kind == "link":
                content = str(path.readlink())
            elif kind == "file":
                content = _digest(path, found, known.get(where))
                seen[where] = [found.st_ino, found.st_size, found.st_ctime_ns, content]
            mode = stat.S_IMODE(found.st_mode)
            yield [where, kind, mode, found.st_uid, found.st_gid, size, content]
        todo += reversed(below)


def _digest(path: Path, found: os.stat_result, known: list[Any] | None) -> str:
    now = [found.st_ino, found.st_size, found.st_ctime_ns]
    if known and known[:3] == now:
        return str(known[3])
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def lines(root: Path, known: Known, seen: Known) -> Iterator[str]:
    """The manifest without its first line. The arguments are those of `rows`."""
    count = size = 0
    for row in rows(root, known, seen):
        yield json.dumps(row)
        if row[1] == "file":
            count, size = count + 1, size + row[-2]
    yield json.dumps({"files": count, "bytes": size})


def write(file: Path, root: Path, head: dict[str, Any]) -> None:
    """Write the manifest of what is at root, whole or not at all. head: its first line."""
    cache = file.parent / CACHE
    last = _last(cache)
    before_ns = int(last.get("created", 0)) * 10**9 - YOUNG_NS
    known: Known = {path: it for path, it in last.get("files", {}).items() if it[2] < before_ns}
    seen: Known = {}
    new = file.with_suffix(".new")
    try:
        with gzip.open(new, "wt") as out:
            out.write(json.dumps(head) + "\n")
            for line in lines(root, known, seen):
                out.write(f"{line}\n")
    except Exception:
        _keep(cache, head, {**known, **seen})
        raise
    put(new, file)
    _keep(cache, head, seen)


def put(new: Path, file: Path) -> None:
    """Put a new file in its place, whole or not at all, also if the machine is reset then.

    Without the fsync a reset may leave an empty file there. Raises OSError.
    """
    with new.open("rb") as content:
        os.fsync(content.fileno())
    new.replace(file)


def _keep(cache: Path, head: dict[str, Any], files: Known) -> None:
    new = cache.with_suffix(".new")
    new.write_text(json.dumps({"created": head["created"], "files": files}))
    put(new, cache)


def _last(cache: Path) -> dict[str, Any]:
    """What was kept of the last manifest; nothing if that cannot be read: then all is read anew."""
    try:
        found = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def snapshots(roots: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The first lines of manifests, by dataset below the roots, the oldest snapshot first."""
    columns = ("-o", "name,guid,creation", "-s", "createtxg")
    listed = subprocess.run(
        ["zfs", "list", "-Hpr", "-t", "snapshot", *columns, *roots],
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = {}
    for line in listed.splitlines():
        name, guid, created = line.split("\t")
        dataset, _, snapshot = name.partition("@")
        head = {
            "dataset": dataset,
            "snapshot": snapshot,
            "guid": guid,
            "created": int(created),
        }
        found.setdefault(dataset, []).append(head)
    return found


def _too_long(*_: object) -> None:
    raise TimeoutError(f"not read within {SECONDS} s; the next time goes on from there")


def write_all(directory: Path, roots: list[str]) -> int:
    """Write the manifest of each dataset; returns for how many this failed."""
    os.umask(0o027)
    failed = 0
    for dataset, heads in snapshots(roots).items():
        try:
            _write_newest(directory / dataset, heads)
        except Exception as error:
            # Whatever it is, the other datasets have nothing to do with it.
            failed += 1
            said = f"{dataset}: not written down: {str(error) or repr(error)}"
            print(said, file=sys.stderr, flush=True)
    return failed


def _write_newest(directory: Path, heads: list[dict[str, Any]]) -> None:
    newest = heads[-1]
    name = f"{newest['dataset']}@{newest['snapshot']}"
    file = directory / f"{newest['snapshot']}.gz"
    if not file.exists():
        directory.mkdir(parents=True, exist_ok=True)
        HERE.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "zfs", "-o", "ro", name, str(HERE)], check=True)
        try:
            # For what takes all the memory the kernel ends the process that has it, not this one.
            with ProcessPoolExecutor(1, get_context("fork")) as apart:
                apart.submit(_write_in_time, file, HERE, newest).result()
        finally:
            subprocess.run(["umount", str(HERE)], check=True)
        print(f"{name}: written down", flush=True)
    names = {f"{head['snapshot']}.gz" for head in heads}
    for old in directory.glob("*.gz"):
        # A dataset below this one may have such a name, and is a directory here.
        if old.name not in names and not old.is_dir():
            old.unlink()


def _write_in_time(file: Path, root: Path, head: dict[str, Any]) -> None:
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    write(file, root, head)
    signal.alarm(0)


def main(words: list[str]) -> int:
    match words:
        case ["write", directory, *roots]:
            return bool(write_all(Path(directory), roots))
        case ["show", tree]:
            for line in lines(Path(tree), {}, {}):
                print(line)
            return 0
    sys.exit("say write DIRECTORY ROOT..., or show TREE")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
