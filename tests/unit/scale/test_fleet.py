"""The generated fleets are valid, and have the wanted size."""

from pathlib import Path

import pytest

from fleet import ROOT
from fleet.load import read
from fleet.model import Fleet
from tests.scale.fleet import OPERATOR, PROVIDERS, Size, address, declare, make_project
from tests.unit.fleet_samples import NOW


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("scale"))


def load(project: Path) -> Fleet:
    groups = project / "group_data"
    return read(project / "inventories/scale.yml", groups, groups / "people.yml", NOW)


@pytest.mark.parametrize("size", [Size(1, 5), Size(201, 200)])
def test_a_fleet_of_any_size_is_valid(project: Path, size: Size) -> None:
    declare(project, size, 2222, new=["vm1"])
    fleet = load(project)
    assert list(fleet.hosts) == size.hosts
    assert len(size.hosts) == size.clients + 3
    assert len(fleet.people) == size.people
    assert len(fleet.hosts_with_volume()) == size.clients
    users = {name: host.ssh.user for name, host in fleet.hosts.items()}
    assert users == dict.fromkeys(size.hosts, OPERATOR) | {"vm1": PROVIDERS}
    ends = [(host.ssh.hostname, host.ssh_port) for host in fleet.hosts.values()]
    assert ends == [(address(number), 2222) for number in range(len(size.hosts))]
    assert len(set(ends)) == len(ends)


def test_every_other_volume_is_encrypted(project: Path) -> None:
    declare(project, Size(10, 5), 22, new=[])
    volumes = [host.volume for host in load(project).hosts_with_volume()]
    assert sum(volume.encrypted for volume in volumes if volume) == 5
    secrets = (project / ".env").read_text()
    assert secrets.count("GOCRYPTFS_PASSWORD_") == 5
    assert (project / ".env").stat().st_mode & 0o077 == 0


def test_the_copy_has_what_is_not_committed_yet_and_nothing_that_is_ignored(project: Path) -> None:
    assert (project / "deploy.py").read_bytes() == (ROOT / "deploy.py").read_bytes()
    assert (project / "tests/unit/scale/test_fleet.py").exists()
    assert not (project / ".venv").exists()
