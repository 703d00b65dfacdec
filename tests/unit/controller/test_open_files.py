"""A run raises its limit of open files where it may; otherwise it refuses to begin."""

import subprocess
import sys
from resource import RLIM_INFINITY

import pytest
from pyinfra.api.exceptions import InventoryError

from controller import open_files
from fleet import ROOT

FLEET = 203
NEEDED = 470


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The limits that are set during the test."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(open_files, "setrlimit", lambda what, limits: found.append(limits))
    return found


def limited(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> None:
    monkeypatch.setattr(open_files, "getrlimit", lambda what: (soft, hard))


@pytest.mark.parametrize("hard", [NEEDED, 4096, RLIM_INFINITY])
def test_the_limit_is_raised_as_far_as_the_run_needs(
    monkeypatch: pytest.MonkeyPatch, raised: list[tuple[int, int]], hard: int
) -> None:
    limited(monkeypatch, 128, hard)
    open_files.allow(FLEET)
    assert raised == [(NEEDED, hard)]


@pytest.mark.parametrize("soft", [NEEDED, 4096, RLIM_INFINITY])
def test_a_limit_that_is_high_enough_stays(
    monkeypatch: pytest.MonkeyPatch, raised: list[tuple[int, int]], soft: int
) -> None:
    limited(monkeypatch, soft, RLIM_INFINITY)
    open_files.allow(FLEET)
    assert raised == []


def test_one_that_cannot_be_raised_is_an_error_that_names_what_is_needed_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, raised: list[tuple[int, int]]
) -> None:
    limited(monkeypatch, 128, 256)
    with pytest.raises(InventoryError) as error:
        open_files.allow(FLEET)
    text = str(error.value)
    assert "203 hosts needs 470 open files, and this machine allows 256" in text
    assert "limits.conf" in text and "at most 96 hosts at a time with --limit" in text
    assert raised == []
    open_files.allow(96)
    assert raised == [(256, 256)]


def test_a_process_raises_its_own_limit() -> None:
    code = (
        "from resource import *; from controller import open_files;"
        "setrlimit(RLIMIT_NOFILE, (128, 1000)); open_files.allow(203);"
        "print(getrlimit(RLIMIT_NOFILE))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert run.stdout == f"({NEEDED}, 1000)\n"
