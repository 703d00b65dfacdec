"""What was sent to hosts in one run, and what they answered."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Sent = tuple[str, str, str]
"""The host, the command as sshd gets it, and what comes on its stdin."""


@dataclass
class Recording:
    """By what was sent, the answers in their order, each with its exit status."""

    answers: dict[Sent, list[tuple[str, int]]] = field(default_factory=dict)

    def add(self, sent: Sent, answer: tuple[str, int]) -> None:
        self.answers.setdefault(sent, []).append(answer)

    def save(self, file: Path) -> None:
        file.write_bytes(pickle.dumps(self.answers))

    @classmethod
    def load(cls, file: Path) -> "Recording":
        return cls(pickle.loads(file.read_bytes()))


class Replay:
    """Gives the answers again: the next one each time, the last one for ever."""

    def __init__(self, recording: Recording) -> None:
        self._answers = recording.answers
        self._next: dict[Sent, Iterator[tuple[str, int]]] = {}
        # Those that wait for their stdin.
        self._reading = {(host, command) for host, command, stdin in self._answers if stdin}

    def reads(self, host: str, command: str) -> bool:
        """Whether the command reads its stdin before it answers."""
        return (host, command) in self._reading

    def answer(self, host: str, command: str, stdin: str = "") -> tuple[str, int]:
        """Raises LookupError for what was not sent to that host when it was recorded."""
        sent = (host, command, stdin)
        known = self._answers[sent]
        answers = self._next.setdefault(sent, iter(known))
        return next(answers, known[-1])
