"""gocryptfs volumes: the encrypted side, as it lies on its mount."""

import base64
from dataclasses import dataclass
from shlex import quote

from pyinfra.api import FactBase


@dataclass(frozen=True)
class VolumeState:
    """The encrypted side of a volume.

    mounted: something is mounted at the path; if not, nothing else here is known
    config: gocryptfs.conf as it is, None where there is none
    entries: other names in its root, without what a cut-off initialisation left (.init-*)
    password_digest: SHA-256 in hex of the password file, None where there is none
    """

    mounted: bool = False
    config: bytes | None = None
    entries: int = 0
    password_digest: str | None = None


class Volume(FactBase[VolumeState]):
    """A volume and the digest of the file that holds its password, in one remote command.

    Storage that does not answer within 30 s counts as not mounted.
    """

    def command(self, ciphertext: str, password_file: str) -> str:
        config = quote(f"{ciphertext}/gocryptfs.conf")
        look = (
            f"findmnt -n -o FSTYPE -M {quote(ciphertext)} >/dev/null || exit 0; "
            f"entries=$(ls -A {quote(ciphertext)} | grep -c -v -e '^gocryptfs.conf$' -e '^.init-') || true; "
            f'[ -n "$entries" ] || exit 0; echo "entries $entries"; '
            f"[ ! -f {config} ] || echo config $(base64 -w 0 {config})"
        )
        return (
            f"timeout -s KILL 30 sh -c {quote(look)}; "
            f"[ ! -f {quote(password_file)} ] || "
            f"echo password $(sha256sum < {quote(password_file)}); true"
        )

    @staticmethod
    def default() -> VolumeState:
        return VolumeState()

    def process(self, output: list[str]) -> VolumeState:
        found = dict(line.split(" ", 1) for line in output if " " in line)
        config = found.get("config")
        password = found.get("password")
        return VolumeState(
            mounted="entries" in found,
            config=base64.b64decode(config) if config else None,
            entries=int(found.get("entries", 0)),
            password_digest=password.split()[0] if password else None,
        )
