"""The machines that the lab tests of a part need: python -m tests.lab.machines_of [PART]

The parts are the markers of pyproject.toml, without those that mark tests of several parts. The
machines follow from the tests: a fixture that gives machines returns a class of
tests/lab/fleets.py. pytest collects the tests and does not run them, so this needs no lab.
"""

import sys
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from typing import Any, get_args

import pytest

from lab.machines import ROOT
from tests.lab.fleets import Machines

ACROSS = ("core", "kernel")
"""The markers of tests of several parts."""


def main(marker: str = "") -> None:
    """Prints the machines for the tests with this marker, or for all."""
    if marker and marker not in markers():
        known = "".join(f"\n  {name:10} {what}" for name, what in markers().items())
        sys.exit(f"no part of the lab tests is called {marker}; there are:{known}")
    print(*dict.fromkeys(name for test in collected(marker) for name in machines_of(test)))


@cache
def markers() -> dict[str, str]:
    """The markers of pyproject.toml, each with what it marks."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = settings["tool"]["pytest"]["ini_options"]["markers"]
    return {name: what for name, _, what in (line.partition(": ") for line in lines)}


def collected(marker: str = "") -> list[pytest.Item]:
    """The lab tests with this marker, or all. Raises SystemExit if pytest finds none, or fails."""
    found = _Collected()
    said = StringIO()
    selected = ["-m", marker] if marker else []
    with redirect_stdout(said):
        status = pytest.main(["--collect-only", str(ROOT / "tests/lab"), *selected], [found])
    if status != pytest.ExitCode.OK:
        sys.exit(f"{said.getvalue()}\nthe lab tests {marker} could not be collected")
    return found.tests


class _Collected:
    tests: list[pytest.Item]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.tests = session.items


def check(test: pytest.Item) -> None:
    """Raises UsageError for a test of no part or several, and for one without machines."""
    parts = [name for name in markers() if name not in ACROSS]
    marked = [name for name in parts if test.get_closest_marker(name)]
    if len(marked) != 1:
        raise pytest.UsageError(
            f"{test.nodeid} is of {' and '.join(marked) or 'no part'}: mark it with one of "
            f"{', '.join(parts)} (pyproject.toml)"
        )
    if not machines_of(test):
        raise pytest.UsageError(
            f"{test.nodeid} has no machines: let it take a fixture that returns a class of "
            "tests/lab/fleets.py"
        )


def machines_of(test: pytest.Item) -> list[str]:
    """The names of the machines that the test's fixtures give, and the fixtures that these take."""
    assert isinstance(test, pytest.Function)
    # pytest offers no public way to the fixtures of a test that is not running. Of several with one
    # name, the last counts: a file's own stands in the place of conftest.py's.
    fixtures = [each[-1] for each in test._fixtureinfo.name2fixturedefs.values()]
    given = [getattr(fixture.func, "__annotations__", {}).get("return") for fixture in fixtures]
    return list(dict.fromkeys(name for each in given for kind in _in(each) for name in kind.names))


def _in(annotation: Any) -> Iterator[type[Machines]]:
    """The classes of machines in a type such as Fleet or Iterator[Fleet]."""
    if isinstance(annotation, type) and issubclass(annotation, Machines):
        yield annotation
    for inner in get_args(annotation):
        yield from _in(inner)


if __name__ == "__main__":
    main(*sys.argv[1:])
