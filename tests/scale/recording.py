"""What one run sent to its hosts, and what they answered."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Sent = tuple[str, str, str]
"""The host, the command as sshd gets it, and what comes on its stdin."""


@dataclass
class Recording:
    """The answers to each thing sent, in their order, each with its exit status."""

    answers: dict[Sent, list[tuple[str, int]]] = field(default_factory=dict)

    def add(self, sent: Sent, answer: tuple[str, int]) -> None:
        self.answers.setdefault(sent, []).append(answer)

    def save(self, file: Path) -> None:
        file.write_bytes(pickle.dumps(self.answers))

    @classmethod
    def load(cls, file: Path) -> "Recording":
        return cls(pickle.loads(file.read_bytes()))


class Replay:
    """Gives the recorded answers in their order, and the last one again for ever."""

    def __init__(self, recording: Recording) -> None:
        self._answers = recording.answers
        self._next: dict[Sent, Iterator[tuple[str, int]]] = {}
        # The commands that wait for their stdin.
        self._reading = {(host, command) for host, command, stdin in self._answers if stdin}

    def reads(self, host: str, command: str) -> bool:
        """Whether the command reads its stdin before it answers."""
        return (host, command) in self._reading

    def answer(self, host: str, command: str, stdin: str = "") -> tuple[str, int]:
        """The next answer, with its exit status. Raises LookupError if the recording has none."""
        sent = (host, command, stdin)
        known = self._answers[sent]
        answers = self._next.setdefault(sent, iter(known))
        return next(answers, known[-1])
