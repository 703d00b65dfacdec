"""gocryptfs volumes: the host's own config, and the encrypted side on the storage."""

import base64
from dataclasses import dataclass
from shlex import quote

from engine.fact import STORAGE_SECONDS, Fact, whole
from facts.files import plain_content

CONFIG_BYTES = 2**16
"""A gocryptfs.conf is far smaller, and no more is read of what the storage has in its place."""

KIBIBYTES = 2**20
"""The memory of what looks at the storage: a server in the wrong hands may list names for ever."""


@dataclass(frozen=True)
class Places:
    """Where a host has its volume.

    ciphertext: the encrypted side, where the storage is mounted
    config: the host's own gocryptfs.conf, on its own disk
    password_file: the file with the password, and a newline at its end
    """

    ciphertext: str
    config: str
    password_file: str

    @property
    def on_storage(self) -> str:
        """The config that lies on the storage."""
        return f"{self.ciphertext}/gocryptfs.conf"


@dataclass(frozen=True)
class VolumeState:
    """The encrypted side of a volume, and what the host itself has of it.

    mounted: whether something is mounted at the path and answers; if not, only password_digest and
        own are known
    config: what the storage has as gocryptfs.conf, None if there is no such name. At most
        CONFIG_BYTES and one more; empty for anything but a plain file. Whoever has the storage has
        written this
    diriv: whether gocryptfs.diriv is there. Every volume has this file, and a run that was cut off
        while it made a volume may have left the file without a config
    entries: the number of names in the root without these two, and without .init-*, which such a
        run may have left too
    password_digest: SHA-256 in hex of the password file, None if there is no such file
    own: the config on the host's own disk, None if there is no such file
    """

    mounted: bool = False
    config: bytes | None = None
    diriv: bool = False
    entries: int = 0
    password_digest: str | None = None
    own: bytes | None = None


# Prints all at once at the end, or nothing: half an answer would look like another state.
# A link in the config's place would lead to any file of the host, and a FIFO would never answer.
_LOOK = f"""\
ulimit -v {KIBIBYTES}
findmnt -n -o FSTYPE -M "$1" >/dev/null || exit 0
names=$(ls -A "$1") || exit 0
has() {{ printf '%s\\n' "$names" | grep -q -x "$1"; }}
found=
if has 'gocryptfs[.]conf'; then
  config=$({plain_content('"$1/gocryptfs.conf"', CONFIG_BYTES)} | base64 -w 0) || exit 0
  found="config $config\\n"
fi
if has 'gocryptfs[.]diriv'; then found="${{found}}diriv yes\\n"; fi
entries=$(printf '%s\\n' "$names" | grep -c -v -x -e '' -e 'gocryptfs[.]conf' \\
  -e 'gocryptfs[.]diriv' -e '[.]init-.*')
printf "${{found}}entries $entries\\n"
"""


class Volume(Fact[VolumeState]):
    """A volume, the host's own config and the digest of its password, in one remote command.

    Storage that cannot be read, or does not answer within STORAGE_SECONDS, counts as not mounted:
    nobody must take a volume that is there for an empty directory.
    """

    def command(self, ciphertext: str, config: str, password_file: str) -> str:
        return whole(
            f"timeout -s KILL {STORAGE_SECONDS} sh -c {quote(_LOOK)} look {quote(ciphertext)}; "
            f"[ ! -f {quote(config)} ] || echo own $(base64 -w 0 {quote(config)}); "
            f"[ ! -f {quote(password_file)} ] || "
            f"echo password $(sha256sum < {quote(password_file)})"
        )

    @staticmethod
    def default() -> VolumeState:
        return VolumeState()

    def parse(self, output: list[str]) -> VolumeState:
        found = dict(line.partition(" ")[::2] for line in output)
        password = found.get("password")
        return VolumeState(
            mounted="entries" in found,
            config=_decoded(found.get("config")),
            diriv="diriv" in found,
            entries=int(found.get("entries", 0)),
            password_digest=password.split()[0] if password else None,
            own=_decoded(found.get("own")),
        )


def _decoded(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
