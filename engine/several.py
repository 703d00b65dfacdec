"""Several facts in one remote command, for whoever only looks."""

from collections.abc import Sequence
from typing import Any

from pyinfra.api import FactBase

from engine.fact import END, Fact

Asked = tuple[type[Fact[Any]], dict[str, Any]]


class Several(FactBase[list[Any]]):  # type: ignore[misc]
    """The answers to these facts, each with its arguments, in their order."""

    def command(self, asked: Sequence[Asked]) -> str:
        self._asked = [kind for kind, _ in asked]
        return "\n".join(kind().command(**arguments) for kind, arguments in asked)

    @staticmethod
    def default() -> list[Any]:
        return []

    def process(self, output: list[str]) -> list[Any]:
        parts: list[list[str]] = [[]]
        for line in output:
            parts[-1].append(line)
            if line == END:
                parts.append([])
        # A part that is missing is no answer either: its fact says so.
        parts += [[]] * len(self._asked)
        return [kind().process(part) for kind, part in zip(self._asked, parts, strict=False)]
