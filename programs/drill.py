"""Restores the newest copies on trial, and records the results: only a proven backup counts.

    drill.py FILE          make all drills, each in namespaces of its own; exit 1 if one fails
    drill.py FILE NAME     make one drill, within these namespaces; print its result as JSON

The program runs as root on the host that keeps the copies. A drill mounts the newest snapshot that
has a manifest, read-only, and compares all of it with the manifest, which the storage server wrote.
It checks and decrypts an encrypted volume with the escrowed master key alone. It starts the site on
the snapshot, and fetches the site's page and a file. A drill has no network, and all that it mounts
or starts ends with it. FILE is JSON:

    manifests  the directory where pull.py puts manifests
    show       the command that shows a tree as a manifest does: manifest.py
    keys       a directory in memory: NAME/masterkey is the escrowed master key, if NAME has one
    evidence   the record, JSON: by dataset the last drill, and when the last good one was
    max_age    how old the snapshot may be, in seconds
    drills     {NAME: {"dataset", "target", "mountpoint", "ciphertext" or None, "uid",
               "site" or None: {"name", "nginx", "php", "fpm", "uploads"}}}
"""

import errno
import gzip
import hashlib
import html
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from http.client import HTTPConnection, HTTPException
from itertools import islice, zip_longest
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

ALONE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
# A snapshot whose time is further in the future than this comes from a wrong clock.
SKEW_SECONDS = 300
# As many bytes may a path have that Linux is told, with a zero at its end: limits.h(0p).
PATH_MAX = 4096
# A manifest's path has PATH_MAX bytes and a name at most, a link's target PATH_MAX. JSON may make
# six of each.
LINE = 2**16
# How much of an answer or of an upload is looked at, in bytes: a client makes these of any size.
MOST = 2**26
# How long one drill may take, before it is the next one's turn.
SECONDS = 24 * 3600
SOCKETS = Path("/run/php")
PAGE_SECONDS = 60
# The statuses of a site that still starts: no answer, or nginx has no PHP behind it yet.
NOT_YET = (0, 502)
# An NFS client renames a file that is removed while it is open. gocryptfs cannot decrypt the new
# name.
NFS_LEFTOVER = re.compile(r'fsck: corrupt entry in dir ".*": "\.nfs[0-9a-f]+"')
# The number of the inode is also that of the encrypted file.
UNREADABLE = re.compile(r'fsck: error reading file ".*" \(inum (\d+)\): ')
# gocryptfs makes a directory, and then in it gocryptfs.diriv, without which nobody can read the
# directory. The first line names the encrypted directory, the second the one that it stands for.
NO_DIRIV = re.compile(r'OpenDir "(.*)": could not read gocryptfs\.diriv: ')
UNOPENED = re.compile(r'fsck: error opening dir ".*": ')
FSCK_ERRORS = 26
# With the errors that it names, gocryptfs 2.3 counts what lstat(2) refuses, without a word: paths
# that are too long within its own mount, gocryptfs.fsck.NUMBER in /tmp.
FSCK_SUMMARY = re.compile(r"fsck summary: (\d+) corrupt files")
FSCK_PATH = PATH_MAX - len("/tmp/gocryptfs.fsck.0123456789/")
# If the last write to a file was so shortly before a snapshot, others may have followed after it.
WRITING_SECONDS = 300

Settings = dict[str, Any]
Result = dict[str, Any]


class Failed(Exception):
    """Says why nobody can rely on the copy."""


def call(*words: str, stdin: str = "", ok: Sequence[int] = (0,)) -> str:
    """Run a command; returns what it prints, errors first. Raises Failed if its exit is not ok."""
    done = subprocess.run(
        words, input=stdin, capture_output=True, text=True, errors="backslashreplace", check=False
    )
    if done.returncode not in ok:
        said = done.stderr.strip() or done.stdout.strip()
        raise Failed(f"{' '.join(words[:2])}: exit {done.returncode}: {said[-1000:]}")
    return done.stderr + done.stdout


def newest(manifests: Path, target: str, dataset: str) -> tuple[Result, Path]:
    """The newest snapshot here that has a manifest, and the manifest's file. Raises Failed."""
    columns = ("-o", "name,guid,creation", "-s", "createtxg")
    for line in reversed(
        call("zfs", "list", "-Hpd", "1", "-t", "snapshot", *columns, target).splitlines()
    ):
        name, guid, created = line.split("\t")
        snapshot = name.partition("@")[2]
        file = manifests / dataset / f"{snapshot}.gz"
        if file.exists():
            return {"snapshot": snapshot, "guid": guid, "created": int(created)}, file
    raise Failed("there is no snapshot with a manifest")


def compare(manifest: Path, shown: Iterator[str], snapshot: Result) -> dict[str, int]:
    """The numbers of files and bytes, if all is as the manifest says. Raises Failed otherwise."""
    end = "{}"
    try:
        with plain(manifest) as packed, gzip.open(packed, "rt") as file:
            # Never more than LINE at once: a server in the wrong hands may have written lines
            # without end.
            lines = iter(lambda: file.readline(LINE), "")
            head = json.loads(next(lines, "{}"))
            if not isinstance(head, dict) or not head.items() >= snapshot.items():
                raise Failed(f"the manifest is of another snapshot: {_some(head)}")
            for number, (wanted, found) in enumerate(zip_longest(lines, shown, fillvalue=""), 2):
                if wanted != found:
                    raise Failed(
                        f"line {number} of the manifest says {_some(wanted)}, the copy has "
                        f"{_some(found)}"
                    )
                end = wanted
        totals: dict[str, int] = json.loads(end)
    except Failed:
        raise
    except Exception as error:
        # Whoever wrote the file chooses the error: OSError, EOFError, zlib.error, RecursionError...
        raise Failed(f"the manifest cannot be read: {_some(error)}") from None
    if not isinstance(totals, dict) or totals.keys() != {"files", "bytes"}:
        raise Failed("the manifest is cut short")
    return totals


def plain(file: Path) -> IO[bytes]:
    """Open a plain file of a place where another account may write. Raises OSError for all else.

    Follows no link at the end of the path, and does not wait, as for the writer of a FIFO: open(2).
    """
    found = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(f"{file} is no plain file")
    return os.fdopen(found, "rb")


def _some(text: object) -> str:
    """Enough of the text to know it again, and nothing that a terminal or a log would obey."""
    return ascii(str(text).strip())[1:-1][:300] or "nothing more"


def check_and_decrypt(each: Settings, keys: Path, name: str, created: int) -> str:
    """Use the escrowed key alone, and not the config in the copy. Raises Failed.

    Returns what was not decrypted, because its path is too long for gocryptfs; "" for nothing.

    created: when the snapshot was made. A file that was being written then may end in a part of a
        block of gocryptfs, which is no error.
    """
    file = keys / name / "masterkey"
    if not file.exists():
        raise Failed(f"its escrowed key is not here ({file}): any run of deploy.py brings it")
    key = file.read_text()
    ciphertext = each["ciphertext"]
    words = ("gocryptfs", "-q", "-fsck", "-masterkey=stdin", ciphertext)
    said = call(*words, stdin=key, ok=(0, FSCK_ERRORS)).splitlines()
    named = [line for line in said if line.startswith("fsck: ")]
    counted = sum(int(it[1]) for line in said if (it := FSCK_SUMMARY.match(line)))
    wrong = [line for line in named if not NFS_LEFTOVER.match(line)]
    inodes = {line: it[1] for line in wrong if (it := UNREADABLE.match(line))}
    if inodes:
        late = _written_since(ciphertext, created - WRITING_SECONDS)
        wrong = [line for line in wrong if inodes.get(line) not in late]
    if begun := {it[1] for line in said if (it := NO_DIRIV.search(line))}:
        unopened = [line for line in wrong if UNOPENED.match(line)]
        if len(unopened) <= len(begun) and _are_new(ciphertext, begun, created - WRITING_SECONDS):
            wrong = [line for line in wrong if line not in unopened]
    if wrong:
        raise Failed(f"{len(wrong)} errors, the first: {_some(wrong[0])}")
    owner = f"{each['uid']}:{each['uid']}"
    call(
        "gocryptfs", "-q", "-ro", "-allow_other", "-force_owner", owner, "-masterkey=stdin",
        ciphertext, each["mountpoint"], stdin=key,
    )  # fmt: skip
    unnamed = counted - len(named)
    return _undecrypted(each["mountpoint"], unnamed) if unnamed > 0 else ""


def _undecrypted(mountpoint: str, number: int) -> str:
    """What gocryptfs -fsck could not look at: it has counted so many errors more than it names.

    Raises Failed if no path is too long for it: then something else is wrong.
    """
    for path, *_ in everything(Path(mountpoint)):
        if len(os.fsencode(path)) >= FSCK_PATH or path.startswith("//"):
            return (
                f"paths that are too long for gocryptfs -fsck: {number}, with all below them, the "
                f"first is {_some(path)}"
            )
    raise Failed(f"{number} errors that gocryptfs -fsck does not name")


def _below(tree: str) -> Iterator[tuple[str, int, str, os.stat_result]]:
    return islice(everything(Path(tree)), 1, None)


def _written_since(tree: str, when: int) -> set[str]:
    """The numbers of the inodes below the tree that were written then or later."""
    return {str(found.st_ino) for *_, found in _below(tree) if found.st_mtime >= when}


def _are_new(tree: str, names: set[str], when: int) -> bool:
    """Whether there are encrypted directories of each name, all begun at that time or later."""
    times: dict[str, list[float]] = {name: [] for name in names}
    for _, at, name, found in _below(tree):
        if name in times and stat.S_ISDIR(found.st_mode):
            begun = found
            with suppress(FileNotFoundError):
                begun = os.lstat(f"{name}/gocryptfs.diriv", dir_fd=at)
            times[name].append(begun.st_mtime)
    return all(found and min(found) >= when for found in times.values())


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


def serve(site: Settings, after: ExitStack) -> None:
    """Start the site as in production, on this copy, and use it as a visitor. Raises Failed."""
    call("ip", "link", "set", "lo", "up")
    SOCKETS.mkdir(exist_ok=True)
    # Root's alone: nginx and PHP begin as root, and write here by name.
    call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(SOCKETS))
    programs: dict[str, subprocess.Popen[bytes]] = {}
    for words in (
        [site["fpm"], "--nodaemonize", "--fpm-config", site["php"]],
        ["nginx", "-c", site["nginx"], "-g", "daemon off;"],
    ):
        program = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        after.callback(program.wait)
        after.callback(program.terminate)
        programs[words[0]] = program
    page = _page(site["name"], programs)
    names = [html.unescape(it) for it in re.findall(r'href="files/([^"]+)"', page)]
    if not names:
        if any(Path(site["uploads"]).iterdir()):
            raise Failed("the page lists no file, and there are some")
        return
    newest = max(names)
    try:
        with plain(Path(site["uploads"], newest)) as file:
            status, content = _get(site["name"], f"/files/{quote(os.fsencode(newest))}")
            is_served = status == 200 and content == file.read(MOST)
    except (OSError, HTTPException) as error:
        raise Failed(f"the file {_some(newest)} is not served: {error}") from None
    if not is_served:
        raise Failed(f"the file {_some(newest)} is not served as it is: status {status}")


def _page(name: str, programs: Mapping[str, subprocess.Popen[bytes]]) -> str:
    """The page, as soon as the programs serve it. Raises Failed."""
    end = time.monotonic() + PAGE_SECONDS
    while True:
        try:
            status, content = _get(name, "/")
        except (OSError, HTTPException) as error:
            status, content = 0, str(error).encode()
        if status == 200:
            return os.fsdecode(content)
        if ended := [program for program, it in programs.items() if it.poll() is not None]:
            raise Failed(f"{ended[0]} does not start: see the journal")
        if status not in NOT_YET or time.monotonic() > end:
            raise Failed(f"the page answers {status or _some(content.decode(errors='replace'))}")
        time.sleep(0.5)


def _get(name: str, path: str) -> tuple[int, bytes]:
    """The status and the content of an answer, of which MOST bytes count."""
    connection = HTTPConnection("127.0.0.1", timeout=30)
    connection.request("GET", path, headers={"Host": name})
    answer = connection.getresponse()
    return answer.status, answer.read(MOST)


def one(settings: Settings, name: str) -> Result:
    """Make one drill; returns its result. A problem ends the drill, and is part of the result."""
    each, start = settings["drills"][name], time.monotonic()
    result: Result = {"at": int(time.time()), "problem": None}
    try:
        with ExitStack() as after:
            found, manifest = newest(Path(settings["manifests"]), each["target"], each["dataset"])
            result |= {**found, "age": result["at"] - found["created"]}
            if not -SKEW_SECONDS <= result["age"] <= settings["max_age"]:
                raise Failed(
                    f"the newest snapshot with a manifest is {result['age']} s old, and may be "
                    f"{settings['max_age']}"
                )
            copy = each["ciphertext"] or each["mountpoint"]
            call("mount", "-t", "zfs", "-o", "ro", f"{each['target']}@{found['snapshot']}", copy)
            shown = subprocess.Popen([*settings["show"], copy], stdout=subprocess.PIPE, text=True)
            assert shown.stdout is not None
            result |= compare(manifest, shown.stdout, found)
            # A volume that no client has begun to use has no key, and no site that would start.
            in_use = result["files"] > 0
            if in_use and each["ciphertext"]:
                keys = Path(settings["keys"])
                result["undecrypted"] = check_and_decrypt(each, keys, name, found["created"])
            if in_use and each["site"]:
                serve(each["site"], after)
    except Failed as error:
        result["problem"] = str(error)
    except Exception as error:
        result["problem"] = f"the drill ended with {_some(repr(error))}"
    return {**result, "seconds": round(time.monotonic() - start, 1)}


def all_of_them(settings: Settings, words: Sequence[str]) -> int:
    """Make and record all drills; returns how many failed. words: of this program, with its FILE"""
    file = Path(settings["evidence"])
    record, failed = recorded(file), 0
    for name, each in settings["drills"].items():
        result = _apart([*words, name])
        proven = record.get(each["dataset"], {}).get("proven", 0)
        if result["problem"] is None:
            proven = result["at"]
        failed += result["problem"] is not None
        record[each["dataset"]] = {**result, "proven": proven}
        print(f"{each['dataset']}: {said(result)}", flush=True)
        keep(file, record)
    return failed


def _apart(words: Sequence[str]) -> Result:
    """The result of one drill in namespaces of its own. Whatever ends it ends no other."""
    problem = f"the drill did not end within {SECONDS} s"
    try:
        done = subprocess.run(
            [*ALONE, *words], stdout=subprocess.PIPE, text=True, check=False, timeout=SECONDS
        )
        problem = f"the drill ended with {done.returncode}"
        result: Result = json.loads(done.stdout)
        return result
    except (subprocess.TimeoutExpired, ValueError):
        return {"at": int(time.time()), "problem": problem}


def recorded(file: Path) -> dict[str, Result]:
    """The record of earlier drills. One that cannot be read is told, and begun anew.

    Then no copy counts as proven until its next drill: that fails towards more drills.
    """
    try:
        record = json.loads(file.read_text())
        if not isinstance(record, dict):
            raise ValueError("it is no record")
        return {dataset: it for dataset, it in record.items() if isinstance(it, dict)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        print(f"{file} cannot be read, and is begun anew: {error}", file=sys.stderr, flush=True)
        return {}


def keep(file: Path, record: dict[str, Result]) -> None:
    """Write the record whole or not at all."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(record, indent=2) + "\n")
    put(new, file)


def put(new: Path, file: Path) -> None:
    """Put a new file in its place, whole or not at all, also if the machine is reset then.

    Without the fsync a reset may leave an empty file there. Raises OSError.
    """
    with new.open("rb") as content:
        os.fsync(content.fileno())
    new.replace(file)


def said(result: Result) -> str:
    """The result as a line of the journal."""
    if result["problem"]:
        return f"NOT restored: {result['problem']}"
    undecrypted = f"; not decrypted: {it}" if (it := result.get("undecrypted")) else ""
    return (
        f"restored from {result['snapshot']}, {result['age']} s old: {result['files']} files, "
        f"{result['bytes']} bytes, {result['seconds']} s{undecrypted}"
    )


def main(words: Sequence[str]) -> int:
    settings: Settings = json.loads(Path(words[0]).read_text())
    if len(words) == 2:
        print(json.dumps(one(settings, words[1])))
        return 0
    return 1 if all_of_them(settings, [sys.executable, "-I", __file__, words[0]]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
