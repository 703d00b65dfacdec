"""A set of files, directories and links, read in one remote command.

Root reads them, and some are of a lesser account, which may give them any size. So a host sends the
content of small files alone.
"""

import base64
import io
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from shlex import quote
from typing import Literal

from engine.fact import STORAGE_SECONDS, Fact, whole

Kind = Literal["file", "directory", "link", "other"]

SECRETS = "%%secrets"

FILE_BYTES = 2**20
"""A larger file does not travel: no file of this project is nearly as large."""

ARCHIVE_BYTES = 2**24
"""What travels of an archive. It is more only if a file has grown while it was read."""

DIGEST_SECONDS = 30


@dataclass(frozen=True)
class PathState:
    """One path as it is on the host.

    mode: permission bits; owner, group: names, or numbers in decimal where there is no name
    content: a plain file's bytes; None for all else, and for a secret, which has a digest instead
    digest: SHA-256 in hex of a secret file
    target: where a link points
    size: in bytes, of a file that is larger than FILE_BYTES and so has no content here
    """

    kind: Kind
    mode: int
    owner: str
    group: str
    content: bytes | None = None
    digest: str | None = None
    target: str | None = None
    size: int | None = None


class Paths(Fact[dict[str, PathState]]):
    """The state of each path that exists: {path: PathState}.

    Secrets never leave the host: the fact reads their digests. If storage does not answer, the fact
    gives up after STORAGE_SECONDS, and a path that was not read by then counts as absent. So the
    commands that follow must not take absence as a reason to create anything below a mountpoint,
    unless they have checked that mountpoint.
    """

    def command(self, paths: Sequence[str], secrets: Sequence[str] = ()) -> str:
        plain = " ".join(map(quote, paths))
        hidden = " ".join(map(quote, secrets))
        read = archive(f"-- {plain}", STORAGE_SECONDS)
        if not secrets:
            return whole(read)
        return whole(
            f"{read}\necho {SECRETS}; for path in {hidden}; do "
            f'[ -f "$path" ] && digest=$({_DIGEST} | sha256sum) && '
            'stat -c "%a|%U|%G|%n" "$path" && echo "$digest"; done'
        )

    @staticmethod
    def default() -> dict[str, PathState]:
        return {}

    def parse(self, output: list[str]) -> dict[str, PathState]:
        archive, _, hidden = "\n".join(output).partition(SECRETS)
        return {**from_archive(archive), **_secrets(hidden.split("\n"))}


def plain_content(path: str, most: int) -> str:
    """A command that prints `most` bytes of a plain file and one more.

    It reads nothing of a link or a FIFO, and does not wait for either. path: quoted for sh
    """
    flags = "iflag=fullblock,nofollow,nonblock"
    return f"dd if={path} bs={most + 1} count=1 {flags} 2>/dev/null"


_FOUND = plain_content('"$path"', FILE_BYTES)
_DIGEST = f"timeout -s KILL {DIGEST_SECONDS} {_FOUND}"

# find tells the sizes line by line, so that what hangs keeps back nothing before it, and tar has
# more time, to end with what find has told. Lines of files that are too large wait in $large.
_ARCHIVE = """\
{{ large=$({{
  set {what}
  {{ [ $# = 0 ] || timeout -s KILL {seconds} stdbuf -oL find "$@" -maxdepth 0 \\
    -printf '%y|%s|%m|%u|%g|%p\\n' 2>/dev/null; }} | while IFS= read -r line; do
    size=${{line#*|}} size=${{size%%|*}}
    case $line in
    'f|'*) if [ "$size" -gt {file_bytes} ]; then printf '%s\\n' "${{line#??}}" >&3; continue; fi ;;
    esac
    printf '%s\\n' "${{line#*|*|*|*|*|}}"
  done | timeout -s KILL {more} tar -c -P -b 1 --no-recursion --ignore-failed-read -f - \\
    --verbatim-files-from --no-unquote -T - 2>/dev/null | head -c {most} | base64 -w 0 >&4
}} 3>&1); }} 4>&1
printf '\\n%s' "${{large:+$large
}}"
"""


def archive(what: str, seconds: int = 30) -> str:
    """POSIX sh that prints these paths as a tar archive in one line of base64, for `from_archive`.

    what: "-- " and the paths, quoted for sh; a path that does not exist is left out
    seconds: after this time the paths that tar has not read are left out

    A file that is larger than FILE_BYTES is no part of the archive, and has a line of its own.
    """
    return _ARCHIVE.format(
        what=what, seconds=seconds, more=seconds + 2, file_bytes=FILE_BYTES, most=ARCHIVE_BYTES + 1
    )


def from_archive(text: str, whole: bool = True) -> dict[str, PathState]:
    """{path: PathState} of what `archive` prints; "" stands for an archive without paths.

    whole: whether to raise ValueError if a file has grown so much that no file after it was read
    """
    packed, *large = text.split("\n")
    data = base64.b64decode(packed)
    found = dict(_too_large(line) for line in large if line)
    if not data:
        return found
    # An archive that was cut off ends in an error, after the members that are whole.
    with suppress(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            found[member.name] = _path_state(archive, member)
    if whole and len(data) > ARCHIVE_BYTES:
        sizes = ", ".join(f"{path}: {it.size} bytes" for path, it in found.items() if it.size)
        raise ValueError(f"the files have more than {ARCHIVE_BYTES} bytes ({sizes})")
    return found


def _too_large(line: str) -> tuple[str, PathState]:
    size, mode, owner, group, path = line.split("|", 4)
    return path, PathState("file", int(mode, 8), owner, group, size=int(size))


def _path_state(archive: tarfile.TarFile, member: tarfile.TarInfo) -> PathState:
    owner = member.uname or str(member.uid)
    group = member.gname or str(member.gid)
    if member.issym():
        return PathState("link", 0o777, owner, group, target=member.linkname)
    if member.isdir():
        return PathState("directory", member.mode, owner, group)
    if member.isfile() and member.size > FILE_BYTES:
        return PathState("file", member.mode, owner, group, size=member.size)
    if member.isfile():
        content = archive.extractfile(member)
        assert content is not None
        return PathState("file", member.mode, owner, group, content=content.read())
    return PathState("other", member.mode, owner, group)


def _secrets(lines: list[str]) -> dict[str, PathState]:
    found = {}
    lines = [line for line in lines if line]
    for described, digest in zip(lines[::2], lines[1::2], strict=True):
        mode, owner, group, path = described.split("|", 3)
        found[path] = PathState("file", int(mode, 8), owner, group, digest=digest.split()[0])
    return found
