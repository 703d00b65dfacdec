"""What pyinfra would take for something else is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from fleet import ROOT

PYINFRA = str(Path(sys.executable).parent / "pyinfra")


def pyinfra(*words: str, directory: Path = ROOT) -> tuple[int, str]:
    done = subprocess.run(
        [PYINFRA, *words], cwd=directory, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("deploy.py", "-y"),
        ("deploy.py", "--dry"),
        ("audit.py", "-y"),
        ("exec", "--", "true"),
        ("debug-inventory",),
    ],
)
def test_an_inventory_that_is_mistyped_is_refused(words: tuple[str, ...]) -> None:
    status, said = pyinfra("inventories/prd.py", *words)
    assert status != 0
    assert "there is no inventory inventories/prd.py: did you mean inventories/prod.py?" in said
    assert "Traceback" not in said and "Connecting" not in said


def test_a_host_s_name_is_no_inventory_for_a_deploy() -> None:
    status, said = pyinfra("storage1", "deploy.py", "-y")
    assert status != 0
    assert "there are inventories/all.py, inventories/lab.py" in said


def test_another_directory_is_told_where_to_run() -> None:
    status, said = pyinfra("prod.py", "../deploy.py", "--dry", directory=ROOT / "inventories")
    assert status != 0
    assert "run pyinfra in the repository's top directory" in said
