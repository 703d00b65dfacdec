"""Several facts in one remote command, which a real shell answers here."""

import io
import re
from collections.abc import Sequence
from typing import Any

import pytest
from pyinfra.api import FactProcessError
from pyinfra.connectors.util import write_stdin
from pyinfra.context import ctx_host

from engine.fact import Fact, whole
from engine.several import Question, Several, several
from tests.unit.host_here import sh


class Lines(Fact[list[str]]):
    """What a script prints."""

    def command(self, script: str) -> str:
        return whole(script)

    @staticmethod
    def default() -> list[str]:
        return []

    def parse(self, output: list[str]) -> list[str]:
        if "not for me" in output:
            raise ValueError("not for me")
        return output


class Here:
    """This machine as pyinfra's host, for get_fact alone; it keeps the commands."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.shown = ""

    def get_fact(self, kind: type[Several], asked: Sequence[Question], _stdin: str) -> Any:
        fact, self.shown = kind(), f"{asked} {_stdin}"
        self.commands.append(fact.command(asked))
        stdin = io.BytesIO()
        stdin.close = lambda: None  # type: ignore[method-assign]
        write_stdin(_stdin, stdin)
        done = sh(self.commands[-1], stdin.getvalue().decode())
        assert (done.returncode, done.stderr) == (0, "")
        return fact.process(done.stdout.splitlines())


def look(*scripts: str, patience: int | None = None, here: Here | None = None) -> list[Any]:
    with ctx_host.use(here or Here()):
        return several([(Lines, {"script": it}) for it in scripts], patience)


def test_each_answer_is_its_own_facts() -> None:
    assert look("echo one", "true", "echo 'it is'; echo three") == [["one"], [], ["it is", "three"]]


def test_neither_an_exit_nor_a_failure_of_one_takes_the_next_away() -> None:
    assert look("exit 3", "false; x=y; cd /", "echo $x; pwd")[2][0] == ""


def test_one_that_reads_its_standard_input_finds_nothing_there() -> None:
    # More than the shell reads at a time.
    long = "x" * 100_000
    assert look("cat; echo done", f"echo {long} | wc -c", "cat; echo too") == [
        ["done"],
        ["100001"],
        ["too"],
    ]


def test_what_is_asked_may_be_longer_than_any_command_line() -> None:
    here = Here()
    text = "x" * 300_000
    (count,), (last,) = look(f"printf %s '{text}' | wc -c", "echo last", here=here)
    assert (count, last) == ("300000", "last")
    assert here.commands == ["sh -s"]


def test_whose_answer_cannot_be_read_is_said_and_not_all_that_was_asked() -> None:
    with pytest.raises(FactProcessError, match=r"^Lines: .*not for me"):
        look("echo one", "echo not for me")
    here = Here()
    look("echo one", "echo two", here=here)
    assert re.fullmatch(r"\[Lines, Lines\] \d+ characters", here.shown)


@pytest.mark.parametrize("output", [[], ["one"], ["one", "%%end"], ["one", "%%end", "two"]])
def test_an_answer_that_is_missing_is_none(output: list[str]) -> None:
    fact = Several()
    fact.command([Question(Lines, {}), Question(Lines, {})])
    with pytest.raises(FactProcessError, match="cut short"):
        fact.process(output)


def test_once_its_patience_has_ended_a_command_begins_nothing_more() -> None:
    assert look("sleep 1.1; echo slow", "echo two", patience=1) == [["slow"]]
    assert look("echo one", "echo two", patience=0) == [["one"]]
    assert look("echo one", "echo two", patience=30) == [["one"], ["two"]]
