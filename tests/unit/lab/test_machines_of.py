import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.machines import ROOT
from tests.lab import conftest
from tests.lab.machines_of import collected, machines_of, main, markers

pytest_plugins = ["pytester"]

BOARD = {"storage1", "vision-stg1", "vision-prod1"}
MACHINES = {
    "core": BOARD | {"vpn1", "bbb1", "bbb2"},
    "storage": BOARD | {"bare1"},
    "resume": BOARD,
    "access": {"vpn1", "bbb1", "bbb2", "web1"},
    "offsite": BOARD | {"offsite1"},
    "drill": BOARD | {"offsite1"},
    "bbb": {"meet1", "meet2", "meet3", "meet4", "vpn1", "storage1"},
    "backups": {"files1", "ovh1", "files2"},
    "monitoring": BOARD | {"vpn1", "bbb1", "bbb2", "monitor1", "watcher1"},
    "kernel": {"vpn1", "bbb1", "bbb2"},
}
SAMPLE = """
    from collections.abc import Iterator
    import pytest
    from tests.lab.fleets import BackupFleet, BareMachine, Fleet

    @pytest.fixture
    def machines() -> Fleet: ...

    @pytest.fixture
    def run(machines: Fleet) -> str: ...

    @pytest.fixture
    def more(run: str) -> Iterator[BareMachine]: ...

    @pytest.fixture
    def unused() -> BackupFleet: ...
"""


@pytest.fixture(scope="module")
def lab_tests() -> list[pytest.Item]:
    return collected()


@pytest.mark.parametrize("marker", MACHINES)
def test_the_tests_of_a_part_say_which_machines_it_needs(
    lab_tests: list[pytest.Item], marker: str
) -> None:
    tests = [test for test in lab_tests if test.get_closest_marker(marker)]
    assert {name for test in tests for name in machines_of(test)} == MACHINES[marker]


def test_the_machines_of_a_part_are_printed_in_one_line_each_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    main("backups")
    assert capfd.readouterr().out == "files1 ovh1 files2\n"


def test_a_part_that_is_not_there_is_an_error_that_tells_those_that_are() -> None:
    with pytest.raises(SystemExit) as error:
        main("stroage")
    assert "is called stroage" in str(error.value)
    for name, what in markers().items():
        assert re.search(f"{name} +{re.escape(what)}", str(error.value))


def test_a_marker_of_no_test_is_an_error_and_no_empty_list() -> None:
    with pytest.raises(SystemExit, match="could not be collected"):
        collected("stroage")


def sample(pytester: pytest.Pytester, test: str) -> pytest.Item:
    return pytester.getitem(f"{SAMPLE}\n    {test}", "test_sample")


def test_machines_are_found_through_other_fixtures(pytester: pytest.Pytester) -> None:
    test = sample(pytester, "def test_sample(more): ...")
    assert set(machines_of(test)) == BOARD | {"bare1"}


@pytest.mark.parametrize(
    ("marks", "says"),
    [
        ([], "is of no part: mark it with one of storage, access"),
        (["core"], "is of no part"),
        (["storage", "resume"], "is of storage and resume"),
    ],
)
def test_a_test_of_no_part_or_several_is_an_error(
    pytester: pytest.Pytester, marks: list[str], says: str
) -> None:
    test = sample(pytester, "def test_sample(machines): ...")
    for mark in marks:
        test.add_marker(mark)
    with pytest.raises(pytest.UsageError, match=f"test_sample {says}"):
        conftest.pytest_itemcollected(test)


def test_a_test_whose_fixtures_give_no_machines_is_an_error(pytester: pytest.Pytester) -> None:
    test = sample(pytester, "def test_sample(tmp_path): ...")
    test.add_marker("storage")
    with pytest.raises(pytest.UsageError, match="test_sample has no machines"):
        conftest.pytest_itemcollected(test)


def test_the_page_lists_runs_of_parts_that_there_are() -> None:
    page = (ROOT / "docs/testing.md").read_text()
    table = page.partition("| Part |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)`", table, re.M)
    assert rows and set(rows) <= set(markers()) - {"core"}


def make(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs make where the lab's scripts print with which words they are called, and do nothing."""
    shutil.copy(ROOT / "Makefile", directory)
    scripts = {
        name: f'echo {name} "$@" ${{LAB:+LAB=$LAB}}'
        for name in ("lab/install", "lab/up", "lab/enter")
    }
    scripts["venv/bin/python"] = f'cd {ROOT} && exec {sys.executable} "$@"'
    for name, line in scripts.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{line}\n")
        file.chmod(0o755)
    (directory / "requirements.txt").touch()
    (directory / "venv/complete").touch()
    # If make runs these tests, its variables would tell this make that it is a part of that one.
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "VENV=venv", *words],
        cwd=directory, capture_output=True, text=True, check=False, env=own,
    )  # fmt: skip


def test_make_starts_the_machines_of_the_part_and_then_runs_its_tests(tmp_path: Path) -> None:
    done = make(tmp_path, "test-lab", "PART=backups")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "lab/install",
        "lab/up files1 ovh1 files2",
        "lab/enter venv/bin/python -m pytest tests/lab -m backups",
    ]


def test_the_tests_of_kernels_run_on_virtual_machines_alone(tmp_path: Path) -> None:
    scripts = make(tmp_path, "test-lab", "PART=access"), make(tmp_path, "test-lab", "PART=kernel")
    assert "LAB=machines" not in scripts[0].stdout
    assert "lab/up vpn1 bbb1 bbb2 LAB=machines" in scripts[1].stdout


def test_make_starts_nothing_for_a_part_that_is_not_there(tmp_path: Path) -> None:
    done = make(tmp_path, "test-lab", "PART=stroage")
    assert done.returncode != 0
    assert "is called stroage" in done.stderr
    assert "lab/up" not in done.stdout
