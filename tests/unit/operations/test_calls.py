"""Calls of operations are type-checked."""

import re
from collections.abc import Sequence

import pytest
from mypy import api

from fleet import ROOT

RIGHT = """
files.present(name="Files", entries=[files.Absent("/etc/example")], _timeout=30)
systemd.running(name="Units", units=[systemd.Unit("nginx.service")])
"""

# Each with what mypy has to say.
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
IMPORTS = "from engine import order; from operations import files, systemd"


def errors(lines: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> dict[int, list[str]]:
    """What mypy, set as for the whole project, has to say to these lines, by the line's number."""
    monkeypatch.chdir(ROOT)
    output, trouble, _ = api.run(["--no-error-summary", "-c", "\n".join(lines)])
    assert not trouble
    found: dict[int, list[str]] = {}
    for line in output.splitlines():
        place = re.fullmatch(r"<string>:(\d+): (error|note): (.*)", line)
        assert place, line
        found.setdefault(int(place[1]), []).append(place[3])
    return found


def test_a_call_that_is_right_passes_mypy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert errors([IMPORTS, *RIGHT.splitlines()], monkeypatch) == {}


def test_a_call_that_is_wrong_fails_mypy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = errors([IMPORTS, *WRONG], monkeypatch)
    for number, (call, expected) in enumerate(WRONG.items(), 2):
        assert any(expected in said for said in found.get(number, [])), call
