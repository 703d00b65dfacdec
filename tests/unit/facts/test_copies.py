import json
from shlex import quote

import pytest
from pyinfra.api import FactProcessError

from facts.copies import Copies, CopiesState
from tests.unit.host_here import ask


def test_what_the_program_says_however_it_ends() -> None:
    said = {
        "at": 100,
        "source": {"at": 90, "newest": {"tank/a": 80}},
        "offsite": {"tank/a": 70},
        "problems": ["tank/a: offsite: too old"],
    }
    found = ask(Copies, f"(echo '{json.dumps(said)}'; echo noise >&2; exit 1)")
    assert found == CopiesState(
        100, 90, {"tank/a": 80}, {"tank/a": 70}, ("tank/a: offsite: too old",)
    )


def test_before_the_first_pull_nothing_was_seen() -> None:
    said = json.dumps({"at": 100, "source": {}, "offsite": {}, "problems": []})
    assert ask(Copies, f"echo '{said}'") == CopiesState(100, 0, {}, {}, ())


def test_a_host_without_the_program_is_a_problem() -> None:
    assert "was this host converged?" in ask(Copies, "no-such-program").problems[0]


def test_a_program_that_dies_says_why() -> None:
    found = ask(Copies, "echo 'PermissionError: seen.json' >&2; exit 1")
    assert found.problems == ("nothing tells how fresh the copies are: PermissionError: seen.json",)


@pytest.mark.parametrize("newest", [{"a": "1"}, {"a": None}, {"a": 1.5}, [], "x"])
def test_a_time_that_is_no_number_fails_this_host_alone(newest: object) -> None:
    said = {"at": 1, "source": {"newest": newest}, "offsite": {}, "problems": []}
    with pytest.raises(FactProcessError):
        ask(Copies, f"echo {quote(json.dumps(said))}")
