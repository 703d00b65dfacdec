"""How fresh the copies are that a host keeps of another host's datasets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.fact import Fact
from facts.told import told, told_by

UNTOLD = "nothing tells how fresh the copies are"


@dataclass(frozen=True)
class CopiesState:
    """Times are in seconds since 1970.

    at: when the host looked; seen_at: when the host last looked at the source, 0 for never
    source, offsite: {dataset: when its newest snapshot was taken}, at the source and on the host
    problems: what is not as it should be, for a person to read
    """

    at: int = 0
    seen_at: int = 0
    source: Mapping[str, int] = field(default_factory=dict)
    offsite: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = (f"{UNTOLD}: was this host converged?",)


class Copies(Fact[CopiesState]):
    """What the command line `program` prints as JSON: programs/offsite/status."""

    def command(self, program: str) -> str:
        return told_by(program)

    @staticmethod
    def default() -> CopiesState:
        return CopiesState()

    def parse(self, output: list[str]) -> CopiesState:
        said, why = told(output)
        if said is None:
            return CopiesState(problems=(f"{UNTOLD}: {why}",))
        return CopiesState(
            at=int(said["at"]),
            seen_at=int(said["source"].get("at", 0)),
            source=_times(said["source"].get("newest", {})),
            offsite=_times(said["offsite"]),
            problems=tuple(map(str, said["problems"])),
        )


def _times(found: Mapping[str, object]) -> dict[str, int]:
    """Raises ValueError for anything but whole numbers: a report of all hosts reckons with them."""
    times = {name: at for name, at in found.items() if isinstance(at, int)}
    if len(times) < len(found):
        raise ValueError("a time is no whole number")
    return times
