"""The servers' prefixes have an address for each host in the VPN."""

import copy
import shutil
from pathlib import Path

import pytest

from tests.unit.fleet_samples import GROUP_DATA, HUB, problems_of, sample


def group_data(directory: Path, servers: list[str]) -> Path:
    place = directory / "group_data"
    shutil.copytree(GROUP_DATA, place, ignore=shutil.ignore_patterns("__pycache__"))
    file = place / "vpn.py"
    file.write_text(f"{file.read_text()}\nservers = {servers!r}\n")
    return place


@pytest.mark.parametrize(
    ("servers", "says"),
    [
        (
            ["10.66.0.8/30", "fd66::/64"],
            "10.66.0.8/30 has 2 addresses, and 4 hosts are in the VPN; write a prefix of /29",
        ),
        (
            ["10.66.0.0/24", "fd66::20/127"],
            "fd66::20/127 has 2 addresses, and 4 hosts are in the VPN; write a prefix of /126",
        ),
    ],
)
def test_a_prefix_that_is_too_small_for_the_hosts_is_named_with_one_that_is_not(
    tmp_path: Path, servers: list[str], says: str
) -> None:
    problems = problems_of(tmp_path, sample(vpn1=HUB), group_data(tmp_path, servers))
    (found,) = (it for it in problems if it.record == "servers")
    assert found.file == "group_data/vpn.py"
    assert says in str(found)


def test_a_prefix_with_just_enough_addresses_will_do(tmp_path: Path) -> None:
    data = sample(vpn1=copy.deepcopy(HUB))
    for number, host in enumerate(data["hosts"].values()):
        host["vpn"]["addresses"] = [f"10.66.0.{9 + number}", f"fd66::{20 + number:x}"]
    # Of eight IPv4 addresses six can be used, of four IPv6 addresses all.
    data["hosts"] |= {
        f"bbb{number}": {
            "roles": [],
            "environment": "prod",
            "address": f"192.0.2.{50 + number}",
            "vpn": {"addresses": [f"10.66.0.{13 + number}", f"fd66::{30 + number:x}"]},
        }
        for number in range(2)
    }
    assert problems_of(tmp_path, data, group_data(tmp_path, ["10.66.0.8/29", "fd66::/64"])) == []
    data["hosts"]["bbb2"] = {
        **data["hosts"]["bbb1"],
        "address": "192.0.2.60",
        "vpn": {"addresses": ["10.66.0.14", "fd66::40"]},
    }
    problems = problems_of(tmp_path, data, tmp_path / "group_data")
    assert [it.message for it in problems if it.record == "servers"] == [
        "10.66.0.8/29 has 6 addresses, and 7 hosts are in the VPN"
    ]
