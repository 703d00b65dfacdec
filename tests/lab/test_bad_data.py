"""Data that can't be right stops the run before any host is touched."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.fleets import Data, Fleet, changed_project, look
from tests.lab.state import difference

pytestmark = pytest.mark.storage


def unknown_property(hosts: Data) -> None:
    hosts["vision-prod1"]["volume"]["properties"] = {"compresion": "lz4"}


def unknown_group(hosts: Data) -> None:
    hosts["vision-prod1"]["roles"] = ["visions"]


def same_uid(hosts: Data) -> None:
    hosts["vision-prod1"]["volume"]["uid"] = hosts["vision-stg1"]["volume"]["uid"]


def same_address(hosts: Data) -> None:
    hosts["vision-prod1"]["address"] = hosts["vision-stg1"]["address"]


def quota_no_size(hosts: Data) -> None:
    hosts["vision-prod1"]["volume"]["quota"] = "12 apples"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (unknown_property, ("lab.yml", "vision-prod1", "compresion", "did you mean compression")),
        (unknown_group, ("lab.yml", "vision-prod1", "roles", "visions", "write one of")),
        (same_uid, ("lab.yml", "vision-prod1", "vision-stg1", "uid", "give each its own")),
        (same_address, ("lab.yml", "vision-prod1", "vision-stg1", "address", "give each its own")),
        (quota_no_size, ("lab.yml", "vision-prod1", "quota", "12 apples", "such as 500M")),
    ],
)
def test_bad_data(
    fleet: Fleet, tmp_path: Path, change: Callable[[Data], None], named: tuple[str, ...]
) -> None:
    output = refused_without_a_login(fleet, changed_project(tmp_path, change))
    for text in named:
        assert text in output


def test_a_secret_in_the_data_is_refused_and_not_shown(fleet: Fleet, tmp_path: Path) -> None:
    token = "ghp_000000000000000000000000000000000000"

    def with_token(hosts: Data) -> None:
        hosts["vision-prod1"]["site"]["repository"] = f"https://{token}@example.org/board.git"

    output = refused_without_a_login(fleet, changed_project(tmp_path, with_token))
    for text in ("lab.yml", "vision-prod1", "site.repository", "make a new one"):
        assert text in output
    assert token not in output


def test_missing_secret(fleet: Fleet, tmp_path: Path) -> None:
    project = changed_project(tmp_path, lambda hosts: None)
    (project / "lab/.state/env").write_text("")
    output = refused_without_a_login(fleet, project)
    for text in ("GOCRYPTFS_PASSWORD_VISION_PROD1", "ESCROW_DIRECTORY", "openssl rand"):
        assert text in output


def refused_without_a_login(fleet: Fleet, project: Path) -> str:
    logins(fleet)  # opens the test's own connections, which count too
    before = logins(fleet)
    output = fleet.refused(project)
    assert logins(fleet) == before
    return output


def logins(fleet: Fleet) -> list[str]:
    # Only at the line's beginning: sudo logs there too, and logs this very command.
    count = "journalctl --sync; journalctl -u ssh -o cat | grep -c ^Accepted || true"
    return [each.sh(count) for each in fleet.all]


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (
            "mkfs.ext4 -q -L precious /dev/disk/by-id/virtio-spare2",
            ("virtio-spare2", "not blank", "precious", "wipe"),
        ),
        ("rm /dev/disk/by-id/virtio-spare1", ("virtio-spare1", "missing", "plug it in")),
    ],
    ids=["not-blank", "missing"],
)
def test_a_disk_that_will_not_do_stops_the_run_before_any_change(
    fresh_fleet: Fleet, harm: str, named: tuple[str, ...]
) -> None:
    fresh_fleet.storage.sh(harm)
    before = look(fresh_fleet)
    output = fresh_fleet.refused()
    for text in ("lab.yml", "storage1", "disks", *named):
        assert text in output, output[-3000:]
    assert difference(before, look(fresh_fleet)) == []
