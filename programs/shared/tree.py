"""Looks through trees that others make: of any depth, and changing meanwhile."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

# As many bytes may a path have that Linux is told, with a zero at its end: limits.h(0p).
PATH_MAX = 4096


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
