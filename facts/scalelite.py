"""What Scalelite tells of itself on its host."""

from dataclasses import dataclass

from engine.fact import Fact
from facts.told import told, told_by

WELL = "success"


@dataclass(frozen=True)
class ScaleliteState:
    """api: WELL, or why the API is not. quiet: for how many seconds the poller has said nothing."""

    api: str = "was this host converged?"
    quiet: float | None = None


class Scalelites(Fact[ScaleliteState]):
    """What the command line `program` prints as JSON: programs/scalelite.py."""

    def command(self, program: str) -> str:
        return told_by(program)

    @staticmethod
    def default() -> ScaleliteState:
        return ScaleliteState()

    def parse(self, output: list[str]) -> ScaleliteState:
        said, why = told(output)
        if said is None:
            return ScaleliteState(api=why)
        quiet = said["quiet"]
        return ScaleliteState(str(said["api"]), None if quiet is None else float(quiet))
