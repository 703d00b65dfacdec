from pathlib import Path

import pytest

from facts.health import Health
from tests.unit.host_here import ask


def check(directory: Path, body: str) -> str:
    path = directory / "my check"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("body", ["true", "echo all is well; exit 0", "echo noise >&2"])
def test_success_is_no_complaint(tmp_path: Path, body: str) -> None:
    assert ask(Health, check(tmp_path, body)) is None


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("echo the page answers 502; exit 1", "the page answers 502"),
        ("echo no such host >&2; exit 7", "no such host"),
        ("echo one; echo two; exit 1", "one\ntwo"),
        ("exit 3", ""),
        ("echo well; exit 1", "well"),
    ],
)
def test_a_complaint_is_what_the_check_printed(tmp_path: Path, body: str, complaint: str) -> None:
    assert ask(Health, check(tmp_path, body)) == complaint


def test_a_check_that_is_not_there_or_cannot_be_run_is_a_complaint(tmp_path: Path) -> None:
    assert ask(Health, str(tmp_path / "none")) == "not installed yet"
    Path(check(tmp_path, "true")).chmod(0o644)
    assert ask(Health, str(tmp_path / "my check")) == "not installed yet"


def test_no_answer_is_a_complaint() -> None:
    assert Health.default() == "no answer"
