"""Mistakes in group_data name the file and the variable."""

import shutil
from pathlib import Path

import pytest

from fleet.checks.ports import BESIDE_GROUPS
from fleet.groups import GROUPS
from fleet.reading.problems import Problem
from tests.unit.fleet_samples import GROUP_DATA, fleet_of, problems_of, sample


def spoilt(directory: Path, group: str, line: str) -> list[Problem]:
    """The problems if a copy of the group's file has this line at its end."""
    copy = directory / "group_data"
    shutil.copytree(GROUP_DATA, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / f"{group}.py").open("a") as file:
        file.write(f"\n{line}\n")
    return problems_of(directory, sample(), copy)


@pytest.mark.parametrize(
    ("group", "line", "place", "says"),
    [
        ("storage", "pools = {}", "pools", "did you mean pool?"),
        ("storage", "from pathlib import Path", "Path", "there is no such field"),
        ("storage", "pool['layout'] = 'raidz3'", "pool layout", "'raidz1'"),
        ("storage", "pool['layuot'] = 'mirror'", "pool layuot", "did you mean layout?"),
        ("storage", "pool['name'] = 'mirror'", "pool name", "ZFS's own words"),
        ("storage", "pool['ashift'] = '12'", "pool ashift", "a whole number"),
        ("storage", "pool = ['x']", "pool", "a mapping of fields"),
        ("storage", "del pool", "pool", "is missing"),
        ("storage", "packages = 'sanoid'", "packages", "a list"),
        ("storage", "packages[0] = 'a b'", "packages 0", "a Debian package"),
        ("storage", "dataset_properties['quota'] = 1", "dataset_properties quota", "no such"),
        ("storage", "dataset_properties['atime'] = False", "dataset_properties atime", "boolean"),
        ("storage", "snapshots['prod']['hourly'] = -1", "snapshots prod.hourly", "equal to 0"),
        ("storage", "snapshots['prod']['hurly'] = 1", "snapshots prod.hurly", "hourly"),
        ("storage", "del snapshots['prod']['daily']", "snapshots prod.daily", "is missing"),
        (
            "storage",
            "snapshots['prod'].update(hourly=0, daily=0, monthly=0)",
            "snapshots prod.monthly",
            "no snapshot is kept",
        ),
        ("storage", "snapshots['test'] = {}", "snapshots test", "prod, staging"),
        ("storage", "scrub = 'daily'", "scrub", "'weekly' or 'monthly'"),
        ("storage", "nfs['grace_seconds'] = 5", "nfs grace_seconds", "equal to 10"),
        ("storage", "nfs['lease_seconds'] = 60", "nfs grace_seconds", "before the lease"),
        ("clients", "mountpoint = 'media'", "mountpoint", "an absolute path"),
        ("clients", "mountpoint = '/media/../etc'", "mountpoint", "an absolute path"),
        ("clients", "ciphertext = '/media/storage/x'", "ciphertext", "side by side"),
        ("clients", "ciphertext = '/media'", "ciphertext", "side by side"),
        ("clients", "retry_seconds = 0", "retry_seconds", "equal to 1"),
        ("vision", "upload_max = '100MB'", "upload_max", "such as 100M"),
        ("vision", "memory_limit = 128", "memory_limit", "put it in quotes"),
    ],
)
def test_a_mistake_names_file_and_variable(
    tmp_path: Path, group: str, line: str, place: str, says: str
) -> None:
    (problem,) = spoilt(tmp_path, group, line)
    assert problem.file.endswith(f"group_data/{group}.py")
    assert f"{problem.record} {problem.field}".strip() == place
    assert says in str(problem)


@pytest.mark.parametrize("line", ["pool = {", "raise ValueError('x')", "1 / 0", "pool = missing"])
def test_a_file_that_cannot_be_run_is_a_problem(tmp_path: Path, line: str) -> None:
    (problem,) = spoilt(tmp_path, "storage", line)
    assert problem.file.endswith("group_data/storage.py")
    assert "cannot be read" in problem.message


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, sample(), tmp_path / "nowhere")
    assert [Path(problem.file).stem for problem in problems] == list(GROUPS)


def test_each_file_of_group_data_is_of_a_group() -> None:
    assert {file.stem for file in GROUP_DATA.glob("*.py")} == set(GROUPS)


def test_a_port_is_open_to_a_group_that_there_is(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample())
    ports = [port for name in GROUPS for port in fleet.group(name).ports]
    assert {port.to for port in ports} <= {*GROUPS, *BESIDE_GROUPS}


def test_a_record_or_a_role_makes_a_host_a_member(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample())
    assert {"all", "vpn", "storage"} <= set(fleet.host("storage1").groups)
    assert not {"clients", "backups", "vision"} & set(fleet.host("storage1").groups)
    assert {"all", "clients", "vpn", "vision"} <= set(fleet.host("prod1").groups)
