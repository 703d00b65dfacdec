"""Reads and writes files of the node: whole, and where no lesser account leads the way.

Root writes only where nobody else can change a directory on the way. What lies below a directory
of another account is written with that account's powers, so a link leads no further than the
account gets anyway. FreeSWITCH's settings lie so.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from programs.bbb.failed import Failed
from programs.bbb.root import Root

# What is larger is no setting.
MOST = 4 * 2**20


@dataclass(frozen=True)
class Rights:
    uid: int
    gid: int
    mode: int


@dataclass(frozen=True)
class Found:
    """A plain file as it is on the node."""

    data: bytes
    rights: Rights

    @property
    def text(self) -> str:
        """Any bytes come back as they were by `surrogateescape`."""
        return self.data.decode(errors="surrogateescape")


def encoded(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def read(root: Root, path: str, most: int = MOST) -> Found | None:
    """The file, or None if nothing is there. Raises Failed: no plain file, or too large.

    Follows no link, on the way neither: an account could have its own link read by root, and then
    what root has read written into the account's own directory.
    """
    fd = _opened(root, path)
    if fd is None:
        return None
    it = os.fstat(fd)
    if not stat.S_ISREG(it.st_mode):
        os.close(fd)
        raise Failed(f"{path} is no plain file")
    with os.fdopen(fd, "rb") as file:
        data = file.read(most + 1)
        if len(data) > most:
            raise Failed(f"{path} has more than {most} bytes")
        return Found(data, Rights(it.st_uid, it.st_gid, stat.S_IMODE(it.st_mode)))


def _opened(root: Root, path: str) -> int | None:
    """The file's descriptor, or None if nothing is there. Raises Failed if a link is."""
    *way, name = PurePosixPath(path).parts[1:]
    directory = os.open(root.top, os.O_PATH | os.O_CLOEXEC)
    try:
        for part in way:
            flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(part, flags, dir_fd=directory)
            os.close(directory)
            directory = below
            if stat.S_ISLNK(os.fstat(directory).st_mode):
                raise Failed(f"{path} cannot be read: {part} is a link")
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(name, flags, dir_fd=directory)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        said = "is a link" if error.errno == errno.ELOOP else error.strerror
        raise Failed(f"{path} cannot be read: {said}") from None
    finally:
        os.close(directory)


def party(root: Root, path: str, sticky: bool = False) -> tuple[int, int]:
    """Whose powers reach the path: the ids of root, or of who owns the first directory of others.

    sticky: whether a directory in which everybody makes files, such as /tmp, is one of root's too;
        only for taking away, which follows no link
    Raises Failed: a link on the way, or a directory of root's that others can write in.
    """
    uid, gid, here = root.uid, -1, root.top
    for name in PurePosixPath(path).parts[1:-1]:
        here /= name
        try:
            it = here.lstat()
        except FileNotFoundError:
            break
        if not stat.S_ISDIR(it.st_mode):
            raise Failed(f"{path}: {here} is a link, or no directory. Nothing was written there")
        if uid == root.uid and it.st_uid != root.uid:
            uid, gid = it.st_uid, it.st_gid
        open_to_others = it.st_mode & 0o022 and not (sticky and it.st_mode & stat.S_ISVTX)
        if uid == root.uid and open_to_others:
            raise Failed(f"{path}: others than root can write in {here}: chmod go-w {here}")
    return uid, gid


def write(root: Root, path: str, data: bytes, rights: Rights) -> None:
    """Put a file in its place, whole or not at all. Raises Failed.

    The file has its owner and mode before it has its first byte. Directories that are not there are
    made, with root's powers only.
    """
    by, group = party(root, path)

    def put() -> None:
        file = root.at(path)
        if by == root.uid:
            _make_directories(root, file.parent)
        _replace(file, data, rights)

    _with_powers(root, by, group, path, put)


def rename(root: Root, path: str, to: str) -> None:
    """Rename a file within its directory. Raises Failed."""
    by, group = party(root, path)
    _with_powers(root, by, group, path, lambda: root.at(path).replace(root.at(to)))


def remove(root: Root, path: str) -> None:
    """Take a file or link away, if one is there; in /tmp too. Raises Failed."""
    by, group = party(root, path, sticky=True)
    _with_powers(root, by, group, path, lambda: root.at(path).unlink(missing_ok=True))


def _make_directories(root: Root, directory: Path) -> None:
    if not directory.is_dir():
        _make_directories(root, directory.parent)
        directory.mkdir(0o755)
        directory.chmod(0o755)


def _replace(file: Path, data: bytes, rights: Rights) -> None:
    # No pattern of nginx, FreeSWITCH or apt takes a name like this in.
    new = file.with_name(f".{file.name}.coop-new")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as out:
        os.fchown(fd, rights.uid, rights.gid)
        os.fchmod(fd, rights.mode)
        out.write(data)
        out.flush()
        os.fsync(fd)
    new.replace(file)
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _with_powers(root: Root, uid: int, gid: int, path: str, do: Callable[[], object]) -> None:
    """Do it, with another account's powers alone if `uid` is not root's. Raises Failed."""
    if uid == root.uid:
        try:
            do()
        except OSError as error:
            raise Failed(f"{path} cannot be written: {error.strerror}") from None
        return
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"was not written, and nobody knows why"
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(gid, gid, gid)
                os.setresuid(uid, uid, uid)
            do()
            said = b""
        except OSError as error:
            said = str(error.strerror).encode()
        finally:
            with suppress(OSError):
                os.write(theirs, said)
            os._exit(1 if said else 0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise Failed(
            f"{path} cannot be written as its directory's owner (uid {uid}): "
            f"{said.decode(errors='replace')}"
        )
