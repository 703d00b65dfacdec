"""The private networks that a node of BigBlueButton may reach."""

from pathlib import Path

import pytest

from tests.unit.fleet_samples import places, problems_of, sample
from tests.unit.roles.bbb.nodes import node


def found(directory: Path, *prefixes: str) -> list[tuple[str, str]]:
    return places(problems_of(directory, sample(bbb1=node(reaches=list(prefixes)))))


@pytest.mark.parametrize("prefix", ["10.9.0.7/32", "192.168.0.0/16", "169.254.169.254/32"])
def test_a_private_network_may_be_named(tmp_path: Path, prefix: str) -> None:
    assert found(tmp_path, prefix, "fd00:1::/64") == []


@pytest.mark.parametrize("prefix", ["0.0.0.0/0", "8.0.0.0/5", "198.51.100.0/24", "::/0"])
def test_a_wider_one_would_leave_nothing_refused(tmp_path: Path, prefix: str) -> None:
    assert found(tmp_path, "10.9.0.7/32", prefix) == [("bbb1", "bbb.reaches")]
