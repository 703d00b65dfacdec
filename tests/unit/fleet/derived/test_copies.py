"""Where copies off-site are kept, and which mistakes are refused."""

from pathlib import Path
from typing import Any

import pytest

from fleet.derived.copies import Copy, copies_of
from fleet.groups.pool import Retention
from tests.unit.fleet.test_groups import spoilt
from tests.unit.fleet_samples import OFFSITE, REMOVED, fleet_of, problems_of, sample


def test_each_environment_is_kept_below_the_name_that_it_has(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample(offsite1=OFFSITE, stg1=REMOVED))
    assert copies_of(fleet) == [
        Copy(
            "storage/prod",
            "offsite/storage/prod",
            Retention(hourly=48, daily=35, weekly=0, monthly=12),
        ),
        Copy(
            "storage/staging",
            "offsite/storage/staging",
            Retention(hourly=24, daily=14, weekly=0, monthly=0),
        ),
    ]


def test_a_second_copy_is_one_more_host(tmp_path: Path) -> None:
    other = {
        **OFFSITE,
        "address": "192.0.2.13",
        "vpn": {"addresses": ["10.66.0.13", "fd66::13"]},
    }
    assert problems_of(tmp_path, sample(offsite1=OFFSITE, offsite2=other)) == []


@pytest.mark.parametrize(
    ("changes", "place", "says"),
    [
        ({"disks": REMOVED}, "disks", "role offsite needs disks"),
        ({"disks": ["ata-one"]}, "disks", "1 are too few for the pool's layout mirror"),
        ({"vpn": REMOVED}, "vpn", "its data goes through the VPN only"),
        ({"environment": "prod"}, "environment", "holds the data of every environment"),
        ({"roles": ["offsite", "storage"]}, "roles", "a copy on the same machine"),
    ],
)
def test_a_mistake_names_host_and_field(
    tmp_path: Path, changes: dict[str, Any], place: str, says: str
) -> None:
    record = {name: it for name, it in {**OFFSITE, **changes}.items() if it is not REMOVED}
    problems = problems_of(tmp_path, sample(offsite1=record))
    found = " ".join(str(it) for it in problems if (it.record, it.field) == ("offsite1", place))
    assert says in found


def test_what_is_kept_has_to_be_taken(tmp_path: Path) -> None:
    (problem,) = spoilt(tmp_path, "storage", "snapshots['prod']['monthly'] = 0")
    assert problem.file.endswith("group_data/offsite.py")
    assert (problem.record, problem.field) == ("snapshots", "prod.monthly")
    assert "12 are to be kept off-site, and the storage server takes none" in problem.message


@pytest.mark.parametrize(
    ("line", "place", "says"),
    [
        ("bandwidth = '20MB'", "bandwidth", "not a size"),
        ("del bandwidth", "bandwidth", "is missing"),
        ("bandwidth = 20", "bandwidth", "at 20 bytes a second no copy is ever whole"),
        ("proof_days = 7", "proof_days", "8"),
        ("pool['layout'] = 'raid5'", "pool layout", "'raidz1'"),
    ],
)
def test_a_mistake_in_the_group_names_the_variable(
    tmp_path: Path, line: str, place: str, says: str
) -> None:
    (problem,) = spoilt(tmp_path, "offsite", line)
    assert problem.file.endswith("group_data/offsite.py")
    assert f"{problem.record} {problem.field}".strip() == place
    assert says in str(problem)
