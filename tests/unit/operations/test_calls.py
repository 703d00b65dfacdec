"""Calls of operations are type-checked, and so are the examples in their docstrings."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest

from fleet import ROOT
from tests.unit.test_walls import modules

RIGHT = """\
files.present(name="Files", entries=[files.Absent("/etc/example")], _timeout=30)
systemd.running(name="Units", units=[systemd.Unit("nginx.service")])
"""

# Wrong calls, each with what mypy says.
WRONG = {
    'files.present(name="Files", entires=[])': 'Unexpected keyword argument "entires"',
    'files.present(name="Files", entries=["/etc"])': 'List item 0 has incompatible type "str"',
    'files.present(name="Files")': "Missing positional argument",
    "files.present(entries=[])": 'Missing positional arguments "name"',
    "files.present([])": "Missing positional argument",
    "files.present(name=1, entries=[])": 'Argument "name" to "__call__"',
    'files.present(name="Files", entries=[], _timout=9)': 'Unexpected keyword argument "_timout"',
    'files.present(name="Files", entries=[], _timeout="9")': 'Argument "_timeout" to "__call__"',
    'order.barrier(name="Barrier", before="it", need="vpn")': 'Unexpected keyword argument "need"',
}
# The imports of a role: the calls stand below them.
IMPORTS = """\
from pyinfra import host
from controller.this_run import this_fleet
from engine import order
from operations import accounts, configurations, delegations, files, git, health, keys
from operations import system, systemd, wireguard
"""


def operations() -> dict[str, str]:
    """The docstrings of all operations, by names such as files.present."""
    return {
        f"{module.rpartition('.')[2]}.{node.name}": ast.get_docstring(node) or ""
        for module, file in modules("operations").items()
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and "operation()" in map(ast.unparse, node.decorator_list)
    }


def example(docstring: str) -> str:
    """The code below the docstring's `Example::`, or "" if there is none."""
    found = re.search(r"^Example::\n\n((?:    .*\n|\n)+)", f"{docstring}\n", re.MULTILINE)
    return dedent(found[1]).strip() if found else ""


def calls(file: Path) -> Counter[str]:
    """How often the file calls each function, by its name in the call, such as files.present."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return Counter(ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call))


EXAMPLES = {name: text for name, said in operations().items() if (text := example(said))}


@pytest.fixture(scope="module")
def errors() -> dict[str, list[str]]:
    """What mypy says of each call, in one run with the project's settings."""
    pieces = [IMPORTS, RIGHT, *EXAMPLES.values(), *WRONG]
    text = "\n".join(piece.rstrip("\n") for piece in pieces)
    of_line = [piece for piece in pieces for _ in piece.splitlines()]
    # A process of its own: within this one mypy would raise Python's recursion limit for all tests.
    words = [sys.executable, "-m", "mypy", "--no-error-summary", "-c", text]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.stderr
    found: dict[str, list[str]] = {piece: [] for piece in pieces}
    for line in done.stdout.splitlines():
        place = re.fullmatch(r"<string>:(\d+): (error|note): (.*)", line)
        assert place, line
        found[of_line[int(place[1]) - 1]].append(place[3])
    return found


def test_a_call_that_is_right_passes_mypy(errors: dict[str, list[str]]) -> None:
    assert errors[IMPORTS] + errors[RIGHT] == []


def test_a_call_that_is_wrong_fails_mypy(errors: dict[str, list[str]]) -> None:
    for call, expected in WRONG.items():
        assert any(expected in said for said in errors[call]), call


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_one_call_of_its_operation_and_passes_mypy(
    name: str, errors: dict[str, list[str]]
) -> None:
    (statement,) = ast.parse(EXAMPLES[name]).body
    assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    assert ast.unparse(statement.value.func) == name
    assert errors[EXAMPLES[name]] == []


def test_an_operation_that_roles_call_more_than_once_has_an_example() -> None:
    called = sum(map(calls, (ROOT / "roles").rglob("*.py")), Counter[str]())
    without = [
        f"{name}, called {called[name]} times"
        for name in operations().keys() - EXAMPLES
        if called[name] > 1
    ]
    assert not without, "; ".join(without)
