"""docs/add-a-role.md, followed word by word on a copy of the project."""

import re
import subprocess
from pathlib import Path

from fleet import ROOT
from tests.project import copy_project

# The most files that a role may take, tests and page included.
MOST = 10


def steps() -> list[tuple[str, str, str]]:
    """Each block of the page: the file named above the block, the block's language, its text."""
    text = (ROOT / "docs/add-a-role.md").read_text()
    return re.findall(r"^`(\S+)`:\n\n```(\w+)\n(.*?)^```$", text, re.M | re.S)


def follow(project: Path) -> None:
    for path, language, text in steps():
        file = project / path
        if language == "diff":
            patch = f"--- a/{path}\n+++ b/{path}\n{text}"
            words = ["git", "apply", "--recount", "-"]
            done = subprocess.run(
                words, cwd=project, input=patch, text=True, capture_output=True, check=False
            )
            assert done.returncode == 0, f"{path}: {done.stderr}"
        else:
            assert not file.exists(), f"{path} is there already"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


def test_a_role_is_nine_files_and_passes_the_unit_tests(tmp_path: Path) -> None:
    assert len({path for path, _, _ in steps()}) <= MOST
    copy_project(tmp_path)
    # The unit tests ask git for the project's files, so the copy has to be a git repository.
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    follow(tmp_path)
    done = subprocess.run(
        ["make", "unit", f"VENV={ROOT / '.venv'}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "passed" in done.stdout or "[100%]" in done.stdout
