"""What lies on the volume. Everything here happens in the name of the volume's owner.

Whoever has the storage may put anything there, so no link is followed, and no name is opened that a
run has not given. That the volume is mounted the kernel's table says: a look at the path itself
would wait for a storage that is away.
"""

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from programs.recordings import Volume, plain
from programs.recordings.names import KEPT
from programs.recordings.problems import Problem
from programs.shared.escapes import unescaped

TABLE = Path("/proc/self/mountinfo")
DIRECTORY = "recordings"
CHUNK = 2**20
DAY = 24 * 3600


def is_mounted(volume: Volume) -> bool:
    """Whether a file system of the right type is what is on top at the mountpoint: proc(5)."""
    return _device(volume) is not None


def _device(volume: Volume) -> str | None:
    """The device of the mount, "major:minor"; None if there is none, or one of another type."""
    found = None
    for line in TABLE.read_bytes().splitlines():
        place, _, rest = line.partition(b" - ")
        device, _, at = place.split(b" ")[2:5]
        if unescaped(at) == str(volume.at):
            # The last one is on top.
            right = rest.split(b" ")[0].decode() == volume.filesystem
            found = device.decode() if right else None
    return found


@contextmanager
def _opened(volume: Volume) -> Iterator[int]:
    """The directory of the recordings on the volume. Raises Problem."""
    device = _device(volume)
    if device is None:
        raise Problem("away", f"no {volume.filesystem} is mounted at {volume.at}")
    at = plain.directory(volume.at)
    try:
        own = os.fstat(at).st_dev
        # The storage may have gone between the look at the table and this.
        if f"{os.major(own)}:{os.minor(own)}" != device:
            raise Problem("away", f"the {volume.filesystem} at {volume.at} has just gone")
        with suppress(FileExistsError):
            os.mkdir(DIRECTORY, 0o750, dir_fd=at)
        try:
            inside = plain.directory(DIRECTORY, at)
        except OSError:
            text = f"{DIRECTORY} on the volume is no directory, but a link or a file: move it aside"
            raise Problem("odd", text) from None
        try:
            if os.fstat(inside).st_dev != own:
                raise Problem("odd", f"something else is mounted on {volume.at}/{DIRECTORY}")
            yield inside
        finally:
            os.close(inside)
    finally:
        os.close(at)


def put(volume: Volume, name: str, source: int, digest: str) -> dict[str, int]:
    """Copy a file to the volume, compare it there, and only then give it its name; {"size": bytes}.

    source: a descriptor of the file; digest: its SHA-256
    Raises Problem, OSError. What had the name before stays until then.
    """
    with _opened(volume) as at:
        new, kept = f"{name}.new", f"{name}.tar"
        with suppress(FileNotFoundError):
            os.unlink(new, dir_fd=at)
        out = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640, dir_fd=at)
        try:
            _copy(source, out)
            os.fsync(out)
            if read_back(out) != digest:
                text = f"{name} on the volume has not the bytes that were written there"
                raise Problem("differs", f"{text}; it stays on the host for the next run")
        except (OSError, Problem):
            # A part of a copy would take the room that is left.
            with suppress(OSError):
                os.unlink(new, dir_fd=at)
            raise
        finally:
            os.close(out)
        os.rename(new, kept, src_dir_fd=at, dst_dir_fd=at)
        plain.sync(at)
    return {"size": os.fstat(source).st_size}


def _copy(source: int, out: int) -> None:
    place = 0
    while part := os.pread(source, CHUNK, place):
        place += len(part)
        while part:
            part = part[os.write(out, part) :]


def read_back(descriptor: int) -> str:
    """The SHA-256 of what the storage has, and not of what this host remembers of it."""
    # What was written out is dropped from memory, so that each byte is read anew: posix_fadvise(2).
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    return digest_of(descriptor)


def digest_of(descriptor: int) -> str:
    """The SHA-256 of the file, from its beginning."""
    found, place = hashlib.sha256(), 0
    while part := os.pread(descriptor, CHUNK, place):
        found.update(part)
        place += len(part)
    return found.hexdigest()


def names(volume: Volume) -> list[str]:
    """The names of all recordings on the volume. Raises Problem."""
    with _opened(volume) as at:
        found = map(KEPT.fullmatch, plain.entries(at))
        return [it[1] for it in found if it]


def kept(volume: Volume, names: Sequence[str]) -> dict[str, int]:
    """The sizes of those of these recordings that are on the volume. Raises Problem."""
    sizes = {}
    with _opened(volume) as at:
        for name in names:
            with suppress(FileNotFoundError):
                it = os.stat(f"{name}.tar", dir_fd=at, follow_symlinks=False)
                if stat.S_ISREG(it.st_mode):
                    sizes[name] = it.st_size
    return sizes


def now(volume: Volume) -> float:
    """The storage's own time, in seconds since 1970. Raises Problem, OSError."""
    with _opened(volume) as at:
        name = f".now-{os.getpid()}"
        new = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=at)
        try:
            # The server gives a new file its times: RFC 8881, 18.16.
            return os.fstat(new).st_mtime
        finally:
            os.close(new)
            os.unlink(name, dir_fd=at)


def expire(volume: Volume, days: int) -> int:
    """Remove recordings that have been there for longer; returns how many. Raises Problem."""
    gone = 0
    with _opened(volume) as at:
        for entry in plain.entries(at):
            if KEPT.fullmatch(entry):
                it = os.stat(entry, dir_fd=at, follow_symlinks=False)
                if stat.S_ISREG(it.st_mode) and it.st_mtime < time.time() - days * DAY:
                    os.unlink(entry, dir_fd=at)
                    gone += 1
    return gone
