"""What a node of BigBlueButton tells of its recordings: what waits, and what is wrong."""

from dataclasses import dataclass

from engine.fact import Fact
from facts.told import told, told_by

UNTOLD = "nothing tells what becomes of recordings"


@dataclass(frozen=True)
class RecordingsState:
    """Times are in seconds since 1970.

    at: when the host looked
    waiting: how many recordings have no compared copy; oldest: since when the first one waits, or 0
    spooled: how many files are in the spool; queue: how many recordings are not made yet
    copied: how many of those on the host have a copy
    problems: what is not as it should be, for a person to read
    """

    at: int = 0
    waiting: int = 0
    oldest: int = 0
    spooled: int = 0
    queue: int = 0
    copied: int = 0
    problems: tuple[str, ...] = (f"{UNTOLD}: was this host converged?",)


class Recordings(Fact[RecordingsState]):
    """What the command line `program` prints as JSON: programs/recordings/look.py."""

    def command(self, program: str) -> str:
        return told_by(program)

    @staticmethod
    def default() -> RecordingsState:
        return RecordingsState()

    def parse(self, output: list[str]) -> RecordingsState:
        said, why = told(output)
        if said is None:
            return RecordingsState(problems=(f"{UNTOLD}: {why}",))
        return RecordingsState(
            int(said["at"]),
            int(said["waiting"]),
            int(said["oldest"]),
            int(said["spooled"]),
            int(said["queue"]),
            int(said["copied"]),
            tuple(map(str, said["problems"])),
        )
