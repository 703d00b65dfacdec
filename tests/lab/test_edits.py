"""Edits of the data that would part a board from its files are refused, and the board goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lab import board
from tests.lab.fleets import Data, Fleet, changed_project, counts
from tests.lab.state import bare_entries

pytestmark = pytest.mark.storage

VOLUME = "/storage/prod/vision-prod1"


def no_longer_encrypted(hosts: Data) -> None:
    hosts["vision-prod1"]["volume"]["encrypted"] = False


def another_uid(hosts: Data) -> None:
    hosts["vision-prod1"]["volume"]["uid"] = 20009


def another_environment(hosts: Data) -> None:
    hosts["vision-prod1"]["environment"] = "staging"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (no_longer_encrypted, "encrypted: true again"),
        (another_uid, "belongs to 20002:20002, not to 20009:20009"),
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
