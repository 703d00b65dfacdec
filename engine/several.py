"""Several facts in one remote command."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pyinfra import host
from pyinfra.api import FactBase, FactProcessError

from engine.fact import END, Fact

Asked = tuple[type[Fact[Any]], Mapping[str, Any]]

LATER = "%%later"
"""Ends an output without the rest of the facts, because the facts before took too long."""


class Question(NamedTuple):
    """A fact, with its arguments."""

    kind: type[Fact[Any]]
    arguments: Mapping[str, Any]

    def __repr__(self) -> str:
        """What pyinfra shows if it has no answer: a name, as the arguments may be very long."""
        return self.kind.__name__


class _Script(str):
    def __str__(self) -> str:
        """What pyinfra shows of the script with -v."""
        return f"{len(self)} characters"


def several(asked: Sequence[Asked], patience: int | None = None) -> list[Any]:
    """The host's answers to these facts, in their order, by one remote command.

    patience: seconds after which the command begins no further fact. Then the answers are fewer
        than the facts; the first is always among them

    If one of the answers cannot be read, the host has failed, and the list is empty.
    """
    questions = [Question(*it) for it in asked]
    # On stdin, because the script of many facts may be longer than Linux allows for one argument:
    # MAX_ARG_STRLEN in execve(2).
    script = _Script("".join(f"{line}\n" for line in _lines(questions, patience)))
    answers: list[Any] = host.get_fact(Several, asked=questions, _stdin=script)
    return answers


def _lines(questions: Sequence[Question], patience: int | None) -> Iterator[str]:
    # The shell runs nothing before it has read the closing brace. So no fact can read the rest of
    # the script from stdin, and half a script never runs: as in engine.report.script.
    yield "{"
    for position, (kind, arguments) in enumerate(questions):
        if patience is not None:
            # proc_uptime(5): to read the time there starts no process.
            moment = "now" if position else "begun"
            yield f"read -r {moment} rest < /proc/uptime"
            if position:
                late = f"[ $((${{now%.*}} - ${{begun%.*}})) -ge {patience} ]"
                yield f"if {late}; then echo {LATER}; exit 0; fi"
        yield kind().command(**arguments)
    yield "}"


class Several(FactBase[list[Any]]):  # type: ignore[misc]
    """The one fact that `several` asks for. A script on stdin asks for the facts in it."""

    def command(self, asked: Sequence[Question]) -> str:
        self._asked = [kind for kind, _ in asked]
        return "sh -s"

    @staticmethod
    def default() -> list[Any]:
        return []

    def process(self, output: list[str]) -> list[Any]:
        parts: list[list[str]] = [[]]
        for line in output:
            parts[-1].append(line)
            if line == END:
                parts.append([])
        if parts[-1] == [LATER]:
            parts.pop()
        else:
            # A part that is missing counts as empty, and its fact raises an error for it.
            parts += [[]] * len(self._asked)
        return [_read(kind, part) for kind, part in zip(self._asked, parts, strict=False)]


def _read(kind: type[Fact[Any]], output: list[str]) -> Any:
    try:
        return kind().process(output)
    except FactProcessError as error:
        raise FactProcessError(f"{kind.__name__}: {error}") from None
