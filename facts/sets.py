"""How fresh the sets are that a host makes of its own files in a provider's store."""

from dataclasses import dataclass

from engine.fact import Fact
from facts.told import told, told_by

UNTOLD = "nothing tells how fresh the sets are"


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
    problems: tuple[str, ...] = (f"{UNTOLD}: was this host converged?",)


class Sets(Fact[SetsState]):
    """What the command line `program` prints as JSON: programs/backup/look.py."""

    def command(self, program: str) -> str:
        return told_by(program)

    @staticmethod
    def default() -> SetsState:
        return SetsState()

    def parse(self, output: list[str]) -> SetsState:
        said, why = told(output)
        if said is None:
            return SetsState(problems=(f"{UNTOLD}: {why}",))
        return SetsState(
            int(said["at"]),
            int(said["sets"]),
            int(said["newest"]),
            tuple(map(str, said["problems"])),
        )
