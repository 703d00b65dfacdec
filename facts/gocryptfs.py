"""gocryptfs volumes: the encrypted side, on the storage that is mounted."""

import base64
from dataclasses import dataclass
from shlex import quote

from engine.fact import STORAGE_SECONDS, Fact, whole


@dataclass(frozen=True)
class VolumeState:
    """The encrypted side of a volume.

    mounted: whether something is mounted at the path and answers; if not, only password_digest is
        known
    config: the content of gocryptfs.conf, None if there is no such file
    diriv: whether gocryptfs.diriv is there. Every volume has this file, and a run that was cut off
        while it made a volume may have left the file without a config
    entries: the number of names in the root without these two, and without .init-*, which such a
        run may have left too
    password_digest: SHA-256 in hex of the password file, None if there is no such file
    """

    mounted: bool = False
    config: bytes | None = None
    diriv: bool = False
    entries: int = 0
    password_digest: str | None = None


# Prints all at once at the end, or nothing: half an answer would look like another state.
_LOOK = """\
findmnt -n -o FSTYPE -M "$1" >/dev/null || exit 0
names=$(ls -A "$1") || exit 0
has() { printf '%s\\n' "$names" | grep -q -x "$1"; }
found=
if has 'gocryptfs[.]conf'; then
  config=$(base64 -w 0 "$1/gocryptfs.conf") || exit 0
  found="config $config\\n"
fi
if has 'gocryptfs[.]diriv'; then found="${found}diriv yes\\n"; fi
entries=$(printf '%s\\n' "$names" | grep -c -v -x -e '' -e 'gocryptfs[.]conf' \\
  -e 'gocryptfs[.]diriv' -e '[.]init-.*')
printf "${found}entries $entries\\n"
"""


class Volume(Fact[VolumeState]):
    """A volume and the digest of the file that holds its password, in one remote command.

    Storage that cannot be read, or does not answer within STORAGE_SECONDS, counts as not mounted:
    nobody must take a volume that is there for an empty directory.
    """

    def command(self, ciphertext: str, password_file: str) -> str:
        return whole(
            f"timeout -s KILL {STORAGE_SECONDS} sh -c {quote(_LOOK)} look {quote(ciphertext)}; "
            f"[ ! -f {quote(password_file)} ] || "
            f"echo password $(sha256sum < {quote(password_file)})"
        )

    @staticmethod
    def default() -> VolumeState:
        return VolumeState()

    def parse(self, output: list[str]) -> VolumeState:
        found = dict(line.split(" ", 1) for line in output if " " in line)
        config = found.get("config")
        password = found.get("password")
        return VolumeState(
            mounted="entries" in found,
            config=None if config is None else base64.b64decode(config),
            diriv="diriv" in found,
            entries=int(found.get("entries", 0)),
            password_digest=password.split()[0] if password else None,
        )
