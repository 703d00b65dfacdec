"""The certificate of a host: what is there, what its port shows, and what is wrong with both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.fact import Fact
from facts.told import told, told_by

UNTOLD = "nothing tells which certificate the host shows"


@dataclass(frozen=True)
class Shown:
    """A certificate. fingerprint: SHA-256 in hex; start, end: in seconds since 1970."""

    fingerprint: str
    names: tuple[str, ...]
    start: int
    end: int
    placeholder: bool


@dataclass(frozen=True)
class CertificateState:
    """What a host's program tells of the host's certificate.

    at: when the host looked, in seconds since 1970
    name, source: for which name, and from where, as the host's settings say
    newest: the one that should be in force; present: the one that the web server reads; shown: the
        one that the port shows
    found: {kind: what is wrong, for a person to read}; UNTOLD if the program tells nothing
    """

    at: int = 0
    name: str = ""
    source: str = ""
    newest: Shown | None = None
    present: Shown | None = None
    shown: Shown | None = None
    found: Mapping[str, str] = field(
        default_factory=lambda: {"untold": f"{UNTOLD}: was this host converged?"}
    )


class Certificates(Fact[CertificateState]):
    """What the command line `program` prints as JSON: programs/certificate/look.py."""

    def command(self, program: str) -> str:
        return told_by(program)

    @staticmethod
    def default() -> CertificateState:
        return CertificateState()

    def parse(self, output: list[str]) -> CertificateState:
        said, why = told(output)
        if said is None:
            return CertificateState(found={"untold": f"{UNTOLD}: {why}"})
        return CertificateState(
            at=int(said["at"]),
            name=str(said["name"]),
            source=str(said["source"]),
            newest=_shown(said["newest"]),
            present=_shown(said["present"]),
            shown=_shown(said["shown"]),
            found={str(kind): str(text) for kind, text in dict(said["found"]).items()},
        )


def _shown(it: Any) -> Shown | None:
    if it is None:
        return None
    return Shown(
        fingerprint=str(it["fingerprint"]),
        names=tuple(map(str, it["names"])),
        start=int(it["start"]),
        end=int(it["end"]),
        placeholder=bool(it["placeholder"]),
    )
