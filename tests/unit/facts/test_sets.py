import json
from shlex import quote

from facts.sets import Sets, SetsState
from tests.unit.host_here import ask


def test_what_the_program_says_however_it_ends() -> None:
    said = {"at": 100, "sets": 3, "newest": 80, "problems": ["too old"]}
    script = f"echo '{json.dumps(said)}'; echo noise >&2; exit 1"
    found = ask(Sets, f"sh -c {quote(script)}")
    assert found == SetsState(100, 3, 80, ("too old",))


def test_a_host_without_the_program_is_a_problem() -> None:
    assert "was this host converged?" in ask(Sets, "no-such-program").problems[0]
