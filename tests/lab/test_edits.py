"""A run refuses edits that would separate a board from its files, and the board goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lab import board
from tests.lab.fleets import VPN_KEYS, Data, Fleet, changed_project, counts, edit
from tests.lab.state import bare_entries

pytestmark = pytest.mark.storage

VOLUME = "/storage/prod/vision-prod1"


def no_longer_encrypted(hosts: Data) -> None:
    hosts["vision-prod1"]["volume"]["encrypted"] = False


def another_uid(hosts: Data) -> None:
    hosts["vision-prod1"]["volume"]["uid"] = 20009


def another_environment(hosts: Data) -> None:
    hosts["vision-prod1"]["environment"] = "staging"


def another_site(hosts: Data) -> None:
    hosts["vision-prod1"]["site"]["name"] = "board.lab.test"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (no_longer_encrypted, "encrypted: true again"),
        (another_uid, "belongs to 20002:20002, not to 20009:20009"),
        (another_site, "persistent_board.lab.test is not there, and 'persistent_vision.lab.test'"),
        (another_environment, "zfs rename storage/prod/vision-prod1 storage/staging/vision-prod1"),
    ],
)
def test_it_is_refused(
    fleet: Fleet, tmp_path: Path, change: Callable[[Data], None], says: str
) -> None:
    name = board.upload(fleet.prod, "kept.txt", b"kept" * 1000)
    assert says in fleet.refused(changed_project(tmp_path, change))
    assert board.fetch(fleet.prod, name) == b"kept" * 1000
    later = board.upload(fleet.prod, "later.txt", b"later" * 1000)
    assert board.fetch(fleet.prod, later) == b"later" * 1000
    assert fleet.storage.sh(f"find {VOLUME} -name '*persistent*'") == ""
    assert bare_entries(fleet.prod, "/media/storage") == 0
    output = fleet.converge()
    changed, failed, _ = counts(output)
    assert (changed, failed) == (0, 0), output[-4000:]


def test_a_machine_made_anew_is_not_made_plain_on_an_encrypted_volume(
    fleet: Fleet, tmp_path: Path
) -> None:
    """The machine knows of no volume. Nothing is written in clear, with escrow or without."""
    name = board.upload(fleet.prod, "kept.txt", b"kept" * 1000)
    fleet.prod.restore("fresh")
    forget_key("vision-prod1", VPN_KEYS)
    (tmp_path / "project").mkdir()
    project = changed_project(tmp_path / "project", no_longer_encrypted)
    assert "encrypted: true again" in fleet.refused(project)

    (tmp_path / "none").mkdir(mode=0o700)
    env = project / "lab/.state/env"
    env.write_text(f"ESCROW_DIRECTORY={tmp_path / 'none'}\n")
    assert "an encrypted volume lies in what is mounted" in fleet.refused(project)
    assert fleet.storage.sh(f"find {VOLUME} -name '*persistent*'") == ""
    assert fleet.prod.try_sh("findmnt -M /media/storage").returncode != 0

    forget_key("vision-prod1", VPN_KEYS)
    fleet.converge()
    assert board.fetch(fleet.prod, name) == b"kept" * 1000
    assert fleet.prod.sh("findmnt -n -o FSTYPE -M /media/storage") == "fuse.gocryptfs"
    assert fleet.storage.sh(f"find {VOLUME} -name '*persistent*'") == ""


def forget_key(host: str, file: Path) -> None:
    """Remove the host's stored key, as an operator does for a machine that was installed anew."""
    edit(file, lambda data: data["hosts"].pop(host, None))
