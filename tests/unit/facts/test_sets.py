import json
from shlex import quote

import pytest
from pyinfra.api import FactProcessError

from facts.sets import Sets, SetsState
from tests.unit.host_here import ask


def test_what_the_program_says_however_it_ends() -> None:
    said = {"at": 100, "sets": 3, "newest": 80, "problems": ["too old"]}
    script = f"echo '{json.dumps(said)}'; echo noise >&2; exit 1"
    found = ask(Sets, f"sh -c {quote(script)}")
    assert found == SetsState(100, 3, 80, ("too old",))


def test_a_host_without_the_program_is_a_problem() -> None:
    assert "was this host converged?" in ask(Sets, "no-such-program").problems[0]


def test_a_program_that_dies_says_why() -> None:
    script = "import sys; print('much', file=sys.stderr); [][1]"
    found = ask(Sets, f"python3 -c {quote(script)}")
    assert found.problems == (
        "nothing tells how fresh the sets are: IndexError: list index out of range",
    )
    assert ask(Sets, "exit 3").problems == ("nothing tells how fresh the sets are: exit 3",)


def test_a_program_that_does_not_end_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facts.told.SECONDS", 1)
    found = ask(Sets, "sleep 20")
    assert found.problems == ("nothing tells how fresh the sets are: no answer within 1 s",)


def test_a_host_whose_program_is_not_there_yet() -> None:
    found = ask(Sets, "python3 -I /nowhere/offsite-status /nowhere/offsite.json")
    assert "was this host converged?" in found.problems[0]


@pytest.mark.parametrize("text", ["[]", "{", '{"at": null}', '"x"', "7"])
def test_anything_else_fails_this_host_alone(text: str) -> None:
    with pytest.raises(FactProcessError):
        ask(Sets, f"echo {quote(text)}")
