"""An answer counts only if it is whole and can be read."""

import pytest
from pyinfra.api import FactProcessError

from engine.fact import END, Fact, whole
from tests.unit.host_here import ask, sh


class Number(Fact[int]):
    def command(self, script: str) -> str:
        return whole(script)

    @staticmethod
    def default() -> int:
        return 0

    def parse(self, output: list[str]) -> int:
        (line,) = output
        return int(line)


@pytest.mark.parametrize("script", ["echo 7", "echo 7; exit 3", "echo 7; false"])
def test_a_whole_answer_is_read_whatever_its_exit_status(script: str) -> None:
    assert ask(Number, script) == 7
    assert sh(whole(script)).returncode == 0


def test_an_answer_without_anything_is_the_default() -> None:
    assert ask(Number, "true") == 0


@pytest.mark.parametrize("output", [[], ["7"], [END, "7"]])
def test_an_answer_that_is_cut_short_is_none(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="cut short"):
        Number().process(output)


@pytest.mark.parametrize("output", [["Welcome!", "7", END], ["seven", END]])
def test_an_answer_that_cannot_be_read_is_none(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="bashrc"):
        Number().process(output)


def test_any_error_of_a_parser_fails_one_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_: object) -> int:
        raise AttributeError("'list' object has no attribute 'get'")

    monkeypatch.setattr(Number, "parse", parse)
    with pytest.raises(FactProcessError, match="no attribute 'get'"):
        Number().process(["7", END])
