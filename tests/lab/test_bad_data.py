"""Data that can't be right stops the run before any host is touched."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lab.machines import ROOT, STATE, pyinfra
from tests.lab.conftest import LIMIT, Fleet, look
from tests.lab.state import difference

pytestmark = pytest.mark.storage

COPIED = ("deploy.py", "deploys", "facts", "fleet", "group_data", "inventories", "operations")
Hosts = dict[str, dict[str, object]]


def unknown_property(hosts: Hosts) -> None:
    volume(hosts, "vision-prod1")["properties"] = {"compresion": "lz4"}


def unknown_group(hosts: Hosts) -> None:
    hosts["vision-prod1"]["roles"] = ["visions"]


def same_uid(hosts: Hosts) -> None:
    volume(hosts, "vision-prod1")["uid"] = volume(hosts, "vision-stg1")["uid"]


def same_address(hosts: Hosts) -> None:
    hosts["vision-prod1"]["address"] = hosts["vision-stg1"]["address"]


def quota_no_size(hosts: Hosts) -> None:
    volume(hosts, "vision-prod1")["quota"] = "12 apples"


def volume(hosts: Hosts, name: str) -> dict[str, object]:
    found = hosts[name]["volume"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (unknown_property, ("lab.yml", "vision-prod1", "compresion")),
        (unknown_group, ("lab.yml", "vision-prod1", "roles", "visions")),
        (same_uid, ("lab.yml", "vision-prod1", "vision-stg1", "uid")),
        (same_address, ("lab.yml", "vision-prod1", "vision-stg1", "address")),
        (quota_no_size, ("lab.yml", "vision-prod1", "quota", "12 apples")),
    ],
)
def test_bad_data(
    fleet: Fleet, tmp_path: Path, change: Callable[[Hosts], None], named: tuple[str, ...]
) -> None:
    done = run_with(fleet, tmp_path, change)
    for text in named:
        assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_secret(fleet: Fleet, tmp_path: Path) -> None:
    done = run_with(fleet, tmp_path, lambda hosts: None, secrets="")
    for text in ("GOCRYPTFS_PASSWORD_VISION_PROD1", "ESCROW_DIRECTORY", "openssl rand"):
        assert text in done.stderr


def run_with(
    fleet: Fleet, directory: Path, change: Callable[[Hosts], None], secrets: str | None = None
) -> subprocess.CompletedProcess[str]:
    """A run of a changed copy of the project, which has to fail without a single connection."""
    for name in COPIED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, directory / name)
    state = directory / "lab/.state"
    state.mkdir(parents=True)
    for name in ("id_ed25519", "running", "env"):
        shutil.copy(STATE / name, state / name)
    if secrets is not None:
        (state / "env").write_text(secrets)
    inventory = directory / "inventories/lab.yml"
    data = yaml.safe_load(inventory.read_text())
    change(data["hosts"])
    inventory.write_text(yaml.safe_dump(data))
    logins(fleet)  # opens the test's own connections, which count too
    before = logins(fleet)
    done = subprocess.run(
        [str(ROOT / ".venv/bin/pyinfra"), "inventories/lab.py", "deploy.py", "-y"],
        cwd=directory, capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL, env={**os.environ, "PYINFRA_PROGRESS": "off"},
    )  # fmt: skip
    assert done.returncode != 0, done.stderr
    assert logins(fleet) == before
    return done


def logins(fleet: Fleet) -> list[str]:
    # The line's beginning: sudo logs there too, this very command among the rest.
    count = "journalctl --sync; journalctl -u ssh -o cat | grep -c ^Accepted || true"
    return [each.sh(count) for each in fleet.all]


def test_a_disk_that_is_not_blank_stops_the_run_before_any_change(fresh_fleet: Fleet) -> None:
    fresh_fleet.storage.sh("mkfs.ext4 -q -L precious /dev/disk/by-id/virtio-spare2")
    before = look(fresh_fleet)
    done = pyinfra("deploy.py", "-y", *LIMIT)
    assert done.returncode != 0
    for text in ("lab.yml", "storage1", "disks", "virtio-spare2", "precious", "wipe"):
        assert text in done.stderr, done.stderr[-3000:]
    assert difference(before, look(fresh_fleet)) == []


def test_a_disk_that_is_missing_stops_the_run_before_any_change(
    fresh_fleet: Fleet,
) -> None:
    fresh_fleet.storage.sh("rm /dev/disk/by-id/virtio-spare1")
    done = pyinfra("deploy.py", "-y", *LIMIT)
    assert done.returncode != 0
    for text in ("lab.yml", "storage1", "disks", "virtio-spare1", "missing"):
        assert text in done.stderr, done.stderr[-3000:]
    assert fresh_fleet.storage.try_sh("test -e /etc/nfs.conf.d/coop-infra.conf").returncode != 0
