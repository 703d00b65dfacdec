"""gocryptfs volumes: the encrypted side, as it lies on its mount."""

import base64
from dataclasses import dataclass
from shlex import quote

from engine.fact import STORAGE_SECONDS, Fact, whole


@dataclass(frozen=True)
class VolumeState:
    """The encrypted side of a volume.

    mounted: something is mounted at the path; if not, nothing else here is known
    config: gocryptfs.conf as it is, None where there is none
    diriv: gocryptfs.diriv is there, as in every volume, and where making one was cut off
    entries: names in its root besides these two, and besides what a cut-off making left (.init-*)
    password_digest: SHA-256 in hex of the password file, None where there is none
    """

    mounted: bool = False
    config: bytes | None = None
    diriv: bool = False
    entries: int = 0
    password_digest: str | None = None


# Prints all or nothing, in one go.
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
    a volume that is there must never be taken for none.
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
