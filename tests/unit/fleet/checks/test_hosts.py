"""Mistakes that only show between hosts, or between hosts and the group data."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.fleet_samples import GROUP_DATA, REMOVED, fleet_of, places, problems_of, sample


def with_layout(directory: Path, layout: str) -> Path:
    """A copy of the group data with another layout of the pool."""
    copy = directory / "group_data"
    copy.mkdir()
    for file in GROUP_DATA.glob("*.py"):
        text = file.read_text().replace('"layout": "mirror"', f'"layout": "{layout}"')
        (copy / file.name).write_text(text)
    return copy


def test_a_shared_address_names_both_hosts(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, sample(prod1__address="192.0.2.21"))
    assert (problem.record, problem.field) == ("prod1", "address")
    assert "192.0.2.21 is also that of stg1" in problem.message


def test_two_spellings_of_an_address_are_the_same(tmp_path: Path) -> None:
    spellings = {"stg1__address": "2001:db8::1", "prod1__address": "2001:0db8:0:0::1"}
    assert places(problems_of(tmp_path, sample(**spellings))) == [("prod1", "address")]


def test_a_shared_uid_names_both_hosts(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, sample(prod1__volume__uid=20001))
    assert (problem.record, problem.field) == ("prod1", "volume.uid")
    assert "20001 is also that of stg1" in problem.message


def test_a_shared_site_name_names_both_hosts(tmp_path: Path) -> None:
    """Uploads lie in a directory of that name: a board would start without its own uploads."""
    (problem,) = problems_of(tmp_path, sample(prod1__site__name="vision.example.org"))
    assert (problem.record, problem.field) == ("prod1", "site.name")
    assert "vision.example.org is also that of stg1" in problem.message


def test_a_fleet_has_a_storage_host(tmp_path: Path) -> None:
    assert places(problems_of(tmp_path, sample(storage1=REMOVED))) == [("hosts", "")]


def test_a_fleet_has_only_one_storage_host(tmp_path: Path) -> None:
    second = {
        "roles": ["storage"],
        "environment": "shared",
        "address": "192.0.2.12",
        "vpn": {"addresses": ["10.66.0.12", "fd66::12"]},
        "disks": ["ata-three", "ata-four"],
    }
    (problem,) = problems_of(tmp_path, sample(storage2=second))
    assert "storage1 and storage2" in problem.message


@pytest.mark.parametrize(
    ("layout", "disks", "fits"),
    [
        ("mirror", 1, False),
        ("mirror", 3, True),
        # Half the room of the two mirrors that are meant.
        ("mirror", 4, False),
        ("raidz1", 2, False),
        ("raidz1", 3, True),
        ("raidz2", 3, False),
        ("raidz2", 4, True),
        ("single", 1, True),
        ("single", 2, False),
    ],
)
def test_the_disks_fit_the_layout(tmp_path: Path, layout: str, disks: int, fits: bool) -> None:
    data = sample(storage1__disks=[f"ata-{number}" for number in range(disks)])
    problems = problems_of(tmp_path, data, with_layout(tmp_path, layout))
    assert places(problems) == ([] if fits else [("storage1", "disks")])


@pytest.mark.parametrize(
    ("layout", "vdevs", "problem"),
    [
        ("mirror", [["a", "b"], ["c", "d"]], None),
        ("mirror", [["a", "b"], ["c"]], ("storage1", "vdevs.1")),
        ("mirror", [["a", "b"], ["c", "d", "e"]], ("storage1", "vdevs")),
        ("mirror", [["a", "b"], ["c", "a"]], ("storage1", "vdevs")),
        ("single", [["a"], ["b"]], ("storage1", "vdevs")),
        ("raidz1", [["a", "b"], ["c", "d"]], ("storage1", "vdevs.0")),
        ("mirror", [], ("storage1", "disks")),
        ("mirror", [["a", "/dev/sdb"]], ("storage1", "vdevs.0.1")),
    ],
)
def test_a_pool_of_several_vdevs_lists_them(
    tmp_path: Path, layout: str, vdevs: Any, problem: tuple[str, str] | None
) -> None:
    data = sample(storage1__disks=[], storage1__vdevs=vdevs)
    found = places(problems_of(tmp_path, data, with_layout(tmp_path, layout)))
    assert problem in found if problem else found == []


def test_disks_are_said_once(tmp_path: Path) -> None:
    data = sample(storage1__vdevs=[["a", "b"]])
    assert places(problems_of(tmp_path, data)) == [("storage1", "disks")]
    fleet = fleet_of(tmp_path, sample(storage1__disks=[], storage1__vdevs=[["a", "b"], ["c", "d"]]))
    assert fleet.host("storage1").all_disks == ("a", "b", "c", "d")


@pytest.mark.parametrize("content", [None, [], "hosts", {}, {"hosts": None}, {"hosts": ["a"]}])
def test_an_inventory_without_hosts_is_refused(tmp_path: Path, content: Any) -> None:
    (problem,) = problems_of(tmp_path, content)
    assert "there is no mapping named hosts" in problem.message


def test_an_inventory_holds_only_hosts(tmp_path: Path) -> None:
    assert places(problems_of(tmp_path, {**sample(), "defaults": {}})) == [("defaults", "")]
