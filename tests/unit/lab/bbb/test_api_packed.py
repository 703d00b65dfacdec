"""The one file that the package bbb-web installs is the whole daemon."""

import subprocess
import sys
from pathlib import Path

from lab.bbb.pack import program


def test_the_same_sources_make_the_same_bytes() -> None:
    assert program("web") == program("web")


def test_it_runs_with_nothing_but_python_and_says_why_it_does_not_start(tmp_path: Path) -> None:
    """A host without BigBlueButton's files, which this machine is, has no secret."""
    file = tmp_path / "standin.py"
    file.write_bytes(program("web"))
    done = subprocess.run(
        [sys.executable, "-I", str(file)], cwd=tmp_path, env={}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "bbb-web: securitySalt or bigbluebutton.web.serverURL is not set\n"
