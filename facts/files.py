"""A set of files, directories and links, read in one remote command."""

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


@dataclass(frozen=True)
class PathState:
    """One path as it is on the host.

    mode: permission bits; owner, group: names, or numbers in decimal where there is no name
    content: a plain file's bytes; None for all else, and for a secret, which has a digest instead
    digest: SHA-256 in hex of a secret file
    target: where a link points
    """

    kind: Kind
    mode: int
    owner: str
    group: str
    content: bytes | None = None
    digest: str | None = None
    target: str | None = None


class Paths(Fact[dict[str, PathState]]):
    """The state of each path that exists: {path: PathState}.

    Secrets never leave the host: the fact reads their digests, and that without a time limit. If
    storage does not answer, the fact gives up after STORAGE_SECONDS, and a path that was not read
    by then counts as absent. So the commands that follow must not take absence as a reason to
    create anything below a mountpoint, unless they have checked that mountpoint.
    """

    def command(self, paths: Sequence[str], secrets: Sequence[str] = ()) -> str:
        plain = " ".join(map(quote, paths))
        hidden = " ".join(map(quote, secrets))
        read = archive(f"-- {plain}", STORAGE_SECONDS)
        if not secrets:
            return whole(read)
        return whole(
            f"{read}; echo {SECRETS}; for path in {hidden}; do "
            '[ -f "$path" ] && digest=$(sha256sum < "$path") && '
            'stat -c "%a|%U|%G|%n" "$path" && echo "$digest"; done'
        )

    @staticmethod
    def default() -> dict[str, PathState]:
        return {}

    def parse(self, output: list[str]) -> dict[str, PathState]:
        archive, _, hidden = "\n".join(output).partition(SECRETS)
        return {**from_archive(archive), **_secrets(hidden.split("\n"))}


def archive(what: str, seconds: int = 30) -> str:
    """POSIX sh that prints these paths as a tar archive in one line of base64, for `from_archive`.

    what: tar's arguments that name the paths, quoted for sh; a path that does not exist is left out
    seconds: after this time the paths that tar has not read are left out
    """
    return (
        f"timeout -s KILL {seconds} tar -c -P -b 1 --no-recursion --ignore-failed-read -f - {what}"
        " 2>/dev/null | base64 -w 0; echo"
    )


def from_archive(text: str) -> dict[str, PathState]:
    """{path: PathState} of a tar archive in base64; "" stands for an archive without paths."""
    data = base64.b64decode(text)
    found: dict[str, PathState] = {}
    if not data:
        return found
    # An archive that was cut off ends in an error, after the members that are whole.
    with suppress(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            found[member.name] = _path_state(archive, member)
    return found


def _path_state(archive: tarfile.TarFile, member: tarfile.TarInfo) -> PathState:
    owner = member.uname or str(member.uid)
    group = member.gname or str(member.gid)
    if member.issym():
        return PathState("link", 0o777, owner, group, target=member.linkname)
    if member.isdir():
        return PathState("directory", member.mode, owner, group)
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
