"""How fresh the sets are that a host makes of its own files in a provider's store."""

import json
from dataclasses import dataclass

from engine.fact import Fact, whole

SECONDS = 300


@dataclass(frozen=True)
class SetsState:
    """Times are in seconds since 1970.

    at: when the host looked; sets: how many there are
    newest: when the newest set was made, 0 for never
    problems: what is not as it should be, for a person to read
    """

    at: int = 0
    sets: int = 0
    newest: int = 0
    problems: tuple[str, ...] = ("nothing tells how fresh the sets are: was this host converged?",)


class Sets(Fact[SetsState]):
    """What the command line `program` prints as JSON: programs/backup/look.py."""

    def command(self, program: str) -> str:
        # So that a provider that does not answer cannot hold the audit up.
        return whole(f"timeout -s KILL {SECONDS} {program} 2>/dev/null || true")

    @staticmethod
    def default() -> SetsState:
        return SetsState()

    def parse(self, output: list[str]) -> SetsState:
        said = json.loads("\n".join(output))
        return SetsState(
            int(said["at"]), int(said["sets"]), int(said["newest"]), tuple(said["problems"])
        )
