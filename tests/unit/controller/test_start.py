"""What a run refuses before it begins, as a person sees it: pyinfra alone would exit 0."""

import subprocess
from pathlib import Path

import pytest

from fleet import ROOT
from tests.unit.controller.pyinfra_here import inventory, pyinfra


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr and "Connected" not in done.stderr, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("inventories/prd.py", ("deploy.py", "-y")),
        ("inventories/prd.py", ("audit.py",)),
        ("inventories/prd.py", ("fact", "server.Kernel")),
        ("prod", ("deploy.py", "--dry")),
        ("inventories", ("deploy.py", "--dry")),
        ("inventories/coop.yml", ("deploy.py", "--dry")),
    ],
)
def test_an_inventory_that_is_mistyped_is_refused_with_those_there_are(
    name: str, words: tuple[str, ...]
) -> None:
    said = refused(pyinfra(name, *words))
    assert f"{name} is no inventory; there are inventories/all.py, inventories/lab.py, " in said


def test_hosts_by_name_and_by_connector_may_still_be_asked() -> None:
    done = pyinfra("@local", "fact", "server.Kernel")
    assert done.returncode == 0 and "Linux" in done.stderr


def test_a_run_from_another_directory_is_refused_with_where_to_go(tmp_path: Path) -> None:
    for directory in (ROOT / "docs", tmp_path):
        done = pyinfra(
            ROOT / "inventories/all.py", ROOT / "deploy.py", "--dry", directory=directory
        )
        assert f"started in the repository: cd {ROOT}\n" in refused(done)
    # By paths that are relative to the directory.
    done = pyinfra("../inventories/all.py", "../deploy.py", directory=ROOT / "docs")
    assert f"started in the repository: cd {ROOT}\n" in refused(done)


def test_the_directory_may_be_given_to_pyinfra(tmp_path: Path) -> None:
    done = pyinfra("--chdir", ROOT, "inventories/all.py", "debug-inventory", directory=tmp_path)
    assert done.returncode == 0 and "storage1" in done.stderr


@pytest.mark.parametrize("deploy", ["deploy.py", "audit.py", "restore_drill.py"])
def test_a_host_of_another_inventory_is_refused(tmp_path: Path, deploy: str) -> None:
    done = pyinfra(inventory(tmp_path, ("@local", {})), deploy, "-y")
    assert done.returncode == 1
    assert "@local is of no inventory of this project" in done.stderr
    assert "Traceback" not in done.stderr
