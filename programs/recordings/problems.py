"""What may be wrong, in words for a person."""

from collections.abc import Mapping

# away: the volume is not there, or does not answer; full: the spool has no room; odd: something has
# a name or a form that BigBlueButton gives nothing; differs: the volume gave back other bytes;
# failed: anything else; old: a recording has waited for too long; unknown: no run has told
# anything.
KINDS = ("away", "full", "odd", "differs", "failed", "old", "unknown")


class Problem(Exception):
    """kind: one of KINDS; text: for a person"""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


class Found:
    """The problems of a run: of each kind the first, and how many more there were."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}

    def add(self, problem: Problem) -> None:
        self._texts.setdefault(problem.kind, []).append(problem.text)

    def told(self) -> Mapping[str, str]:
        return {
            kind: f"{texts[0]} (and {len(texts) - 1} more)" if len(texts) > 1 else texts[0]
            for kind, texts in self._texts.items()
        }
