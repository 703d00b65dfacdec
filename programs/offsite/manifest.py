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

A path that Linux would not take, because the directory's has 4096 bytes or more, is written as
//DIGEST/NAME. DIGEST: the SHA-256 of the directory's path, as this is written here.

The program reads a file again only if its inode, size or ctime has changed since the last manifest:
only root can set a ctime, utimensat(2). If a dataset takes too long, the program leaves it for the
next time, which goes on with what was read. So a client that makes a file of a petabyte, without
writing any of it, keeps no other dataset from getting its manifest. Nor does a client that makes
more files than the program has memory for: a process of its own writes each manifest.
"""

import errno
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
# As many bytes may a path have that Linux is told, with a zero at its end: limits.h(0p).
PATH_MAX = 4096
KINDS = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "link"}

Known = dict[str, list[Any]]


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


def everything(root: Path) -> Iterator[tuple[str, int, str, os.stat_result]]:
    """Root and all below it, in order: path, descriptor of the directory that has it, name, lstat.

    The descriptor is good until the next item. Raises OSError, also for a directory that is moved
    or removed meanwhile, or a link in its place.
    """
    # A client makes directories as deep as it likes. So each is opened by its name alone, from the
    # one above, and the way back is "..": no path is too long for Linux, and no depth takes more
    # descriptors, or more of Python's stack: os.fwalk of Python 3.11 calls itself for each level.
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    # Of each directory on the way here: which it is, how paths in it begin, and what is left there.
    way: list[tuple[tuple[int, int], str, list[str]]] = []
    within = ""
    try:
        yield ".", at, ".", os.fstat(at)
        while True:
            below = []
            with os.scandir(at) as entries:
                names = sorted(it.name for it in entries)
            for name in names:
                found = os.lstat(name, dir_fd=at)
                if stat.S_ISDIR(found.st_mode):
                    below.append(name)
                yield within + name, at, name, found
            way.append((_identity(at), within, below[::-1]))
            while not way[-1][-1]:
                way.pop()
                if not way:
                    return
                _go(at, "..", way[-1][0])
            _, within, below = way[-1]
            _go(at, below[-1])
            within = _begin_of_paths(within + below.pop())
    except OSError as error:
        # The kernel was told the name alone.
        if error.errno:
            error.filename = f"{within}{error.filename if isinstance(error.filename, str) else ''}"
        raise
    finally:
        os.close(at)


def _go(at: int, name: str, expected: tuple[int, int] | None = None) -> None:
    """Let the descriptor be that of the directory with this name, seen from where it is now.

    Raises OSError if that is no directory, or not the expected one.
    """
    new = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
    try:
        if expected and _identity(new) != expected:
            raise OSError(errno.ESTALE, "a directory was moved meanwhile", name)
        os.dup2(new, at, inheritable=False)
    finally:
        os.close(new)


def _identity(directory: int) -> tuple[int, int]:
    found = os.fstat(directory)
    return found.st_dev, found.st_ino


def _begin_of_paths(directory: str) -> str:
    """What the paths of all that is in a directory begin with.

    A directory whose own path is longer than Linux takes has a digest in its place. Otherwise the
    paths alone of a tree of 100,000 levels would take gigabytes. No other path begins with //.
    """
    path = os.fsencode(directory)
    if len(path) < PATH_MAX and not directory.startswith("//"):
        return f"{directory}/"
    return f"//{hashlib.sha256(path).hexdigest()}/"


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
