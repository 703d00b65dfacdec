"""Puts recordings into the spool, each as one tar, in the name of BigBlueButton's account."""

import errno
import os
import stat
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from programs.recordings import Settings, plain
from programs.recordings.names import Recording
from programs.recordings.problems import Found, Problem
from programs.recordings.published import mark

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# BigBlueButton makes four levels at most. Each takes a descriptor and a frame of Python's stack.
DEEPEST = 32


def fill(settings: Settings, recordings: list[Recording]) -> dict[str, object]:
    """Put these into the spool, those for which there is room. Returns the problems, for JSON."""
    found = Found()
    for left in settings.spool.glob("*.new"):
        # Of a run that was cut off.
        left.unlink()
    for it in recordings:
        try:
            put(settings, it)
        except Problem as problem:
            # Also if there is no room: a smaller one behind it may fit.
            found.add(problem)
        except (OSError, RecursionError) as error:
            found.add(Problem("failed", f"{it.name} cannot be put into the spool: {error}"))
    return {"problems": found.told()}


def put(settings: Settings, recording: Recording) -> None:
    """Put the recording into the spool, whole or not at all. Raises Problem, OSError.

    A recording that changes meanwhile is not put there: the next run will.
    """
    published = plain.directory(settings.recordings / recording.place / recording.format)
    try:
        _check_room(settings, published, recording)
        new = settings.spool / f"{recording.spooled}.new"
        with new.open("xb") as out:
            try:
                with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
                    _add(tar, published, recording.meeting, recording.path)
                out.flush()
                os.fsync(out.fileno())
                if (
                    mark(published, recording.meeting, _since(settings, recording))
                    == recording.mark
                ):
                    new.rename(settings.spool / recording.spooled)
            except OSError as error:
                if error.errno in NO_SPACE:
                    raise _full(recording) from None
                raise
            finally:
                with suppress(FileNotFoundError):
                    new.unlink()
    finally:
        os.close(published)
    _sync(settings.spool)


def _since(settings: Settings, recording: Recording) -> int:
    file = settings.status / "published" / f"{recording.name}.done"
    return file.stat(follow_symlinks=False).st_mtime_ns


def _check_room(settings: Settings, at: int, recording: Recording) -> None:
    """Raises Problem if the tar would take what others need: a full disk ends all recording."""
    size = _size(at, recording.meeting)
    disk = os.statvfs(settings.spool)
    if disk.f_bavail * disk.f_frsize - size < settings.room:
        raise _full(recording)


def _full(recording: Recording) -> Problem:
    return Problem("full", f"the spool has no room for {recording.name}, which stays where it is")


def _size(at: int, name: str, depth: int = 1) -> int:
    """About how many bytes the tar of the directory takes. Raises Problem if it is too deep."""
    if depth > DEEPEST:
        raise Problem("odd", f"a recording has more than {DEEPEST} levels of directories")
    inside = plain.directory(name, at)
    try:
        total = 0
        for entry in plain.entries(inside):
            it = os.stat(entry, dir_fd=inside, follow_symlinks=False)
            total += 1024 + (
                _size(inside, entry, depth + 1) if stat.S_ISDIR(it.st_mode) else it.st_size
            )
        return total
    finally:
        os.close(inside)


def _add(tar: tarfile.TarFile, at: int, name: str, path: str) -> None:
    """Add the directory, with files and directories alone. Raises Problem for anything else."""
    inside = plain.directory(name, at)
    try:
        tar.addfile(_info(path, os.fstat(inside)))
        for entry in plain.entries(inside):
            within = f"{path}/{entry}"
            if stat.S_ISDIR(os.stat(entry, dir_fd=inside, follow_symlinks=False).st_mode):
                _add(tar, inside, entry, within)
            else:
                with os.fdopen(plain.file(entry, inside), "rb") as file:
                    _add_file(tar, file, within)
    finally:
        os.close(inside)


def _add_file(tar: tarfile.TarFile, file: BinaryIO, path: str) -> None:
    # A file that becomes shorter meanwhile raises OSError; of one that grows the end is left out,
    # and the mark differs.
    tar.addfile(_info(path, os.fstat(file.fileno())), file)


def _info(path: str, it: os.stat_result) -> tarfile.TarInfo:
    """The entry of the tar. Owners are of this host, and mean nothing elsewhere."""
    info = tarfile.TarInfo(path)
    info.mtime, info.mode = int(it.st_mtime), stat.S_IMODE(it.st_mode) & 0o755
    if stat.S_ISDIR(it.st_mode):
        info.type = tarfile.DIRTYPE
    else:
        info.size = it.st_size
    return info


def _sync(directory: Path) -> None:
    descriptor = plain.directory(directory)
    try:
        plain.sync(descriptor)
    finally:
        os.close(descriptor)
