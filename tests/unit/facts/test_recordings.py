import json
from shlex import quote

import pytest
from pyinfra.api import FactProcessError

from facts.recordings import Recordings, RecordingsState
from tests.unit.host_here import ask


def test_what_the_program_says_however_it_ends() -> None:
    said = {
        "at": 100, "waiting": 3, "spooled": 2, "queue": 1, "oldest": 80, "copied": 5,
        "volume": "away", "problems": ["too old"],
    }  # fmt: skip
    script = f"echo '{json.dumps(said)}'; exit 1"
    found = ask(Recordings, f"sh -c {quote(script)}")
    assert found == RecordingsState(100, 3, 80, 2, 1, 5, ("too old",))


def test_a_host_without_the_program_is_a_problem() -> None:
    assert "was this host converged?" in ask(Recordings, "no-such-program").problems[0]


@pytest.mark.parametrize("text", ["[]", "{", '{"at": null}', "7"])
def test_anything_else_fails_this_host_alone(text: str) -> None:
    with pytest.raises(FactProcessError):
        ask(Recordings, f"echo {quote(text)}")
