"""Opens directories and files without following any link."""

import os
import stat
from pathlib import Path

from programs.recordings.problems import Problem

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK the open of a FIFO would wait for a writer.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def directory(path: str | Path, at: int | None = None) -> int:
    """A descriptor of the directory. Raises OSError, also if it is a link."""
    return os.open(path, DIRECTORY, dir_fd=at)


def file(name: str, at: int) -> int:
    """A descriptor of a plain file in the directory. Raises OSError; Problem for anything else."""
    descriptor = os.open(name, FILE, dir_fd=at)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Problem("odd", f"{name!r} is no plain file")
    return descriptor


def entries(at: int) -> list[str]:
    """The names in the directory, sorted. Raises OSError."""
    with os.scandir(at) as found:
        return sorted(it.name for it in found)


def sync(descriptor: int) -> None:
    """Have a directory's entries on its disk. Raises OSError."""
    os.fsync(descriptor)
