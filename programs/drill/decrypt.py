"""An encrypted volume, checked and decrypted with the escrowed master key alone."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from programs.drill import Settings
from programs.drill.command import Failed, call, in_short
from programs.shared.tree import PATH_MAX, everything

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
        raise Failed(f"{len(wrong)} errors, the first: {in_short(wrong[0])}")
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
                f"first is {in_short(path)}"
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
