"""One run takes fresh machines to working boards, and the next run has nothing to do."""

import hashlib
import json
import os
import ssl
from functools import partial
from http.client import HTTPSConnection
from mmap import ACCESS_READ, mmap

import pytest

from lab import board
from lab.command import wait_for
from lab.machines import STATE, pyinfra, python, together
from tests.lab.fleets import LIMIT, FirstRun, Fleet, counts, look
from tests.lab.state import difference

pytestmark = [pytest.mark.storage, pytest.mark.core]

DATASETS = {
    "vision-stg1": "storage/staging/vision-stg1",
    "vision-prod1": "storage/prod/vision-prod1",
}


def test_a_dry_run_on_fresh_machines_changes_nothing(first_run: FirstRun) -> None:
    assert difference(first_run.before, first_run.after_dry) == []
    assert "storage: new pool, mirror of virtio-spare1, virtio-spare2" in first_run.dry_output


def test_the_next_run_changes_nothing_and_restarts_nothing(fleet: Fleet) -> None:
    before = look(fleet)
    # This also fails if a host takes more remote commands than tests/bench.py allows.
    done = python("-m", "tests.bench", *LIMIT)
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout
    assert difference(before, look(fleet)) == []
    changed, failed, unchanged = counts(done.stderr)
    assert (changed, failed) == (0, 0) and unchanged > 20, done.stderr[-4000:]


def test_a_dry_run_on_a_converged_fleet_changes_nothing_and_plans_nothing(fleet: Fleet) -> None:
    before = look(fleet)
    done = pyinfra("deploy.py", "--dry", "--json", *LIMIT)
    assert done.returncode == 0, done.stderr[-4000:]
    planned = json.loads(done.stdout)["plan"]
    assert planned
    assert [entry for entry in planned if entry["hosts_with_change"]] == []
    assert difference(before, look(fleet)) == []


def test_an_upload_is_listed_and_survives_reboots_of_client_and_server(fleet: Fleet) -> None:
    # More than nginx and PHP accept by default.
    content = {each.name: os.urandom(5_000_000) for each in fleet.boards}
    stored = {
        each.name: board.upload(each, "a-vision.txt", content[each.name]) for each in fleet.boards
    }
    together(fleet.all, lambda each: each.reboot())
    for each in fleet.boards:
        wait_for(partial(board.works, each), f"the board of {each.name} is back", 300)
        assert stored[each.name] in board.listing(each)
        assert board.fetch(each, stored[each.name]) == content[each.name]


def test_staging_lies_on_its_dataset_as_the_file_itself(fleet: Fleet) -> None:
    content = os.urandom(50_000)
    name = board.upload(fleet.staging, "plain.jpg", content)
    dataset = DATASETS["vision-stg1"]
    found = fleet.storage.sh(f"find /{dataset} -name {name} | xargs sha256sum").split()
    assert found[0] == hashlib.sha256(content).hexdigest()
    assert fleet.storage.sh(f"findmnt -n -o SOURCE --target {found[1]}") == dataset


def test_prod_lies_on_its_dataset_as_ciphertext_only(fleet: Fleet) -> None:
    marker = b"this vision is for us alone " + os.urandom(8).hex().encode()
    name = board.upload(fleet.prod, "secret.txt", marker * 100)
    assert marker in board.fetch(fleet.prod, name)
    dataset = DATASETS["vision-prod1"]
    fleet.storage.sh("sync; zpool sync storage")
    files = fleet.storage.sh(f"find /{dataset} -type f -newer /{dataset}/gocryptfs.conf | wc -l")
    assert int(files) > 0
    assert fleet.storage.sh(f"find /{dataset} -name '*{name[:15]}*'") == ""
    # grep -r opens files without waiting, and a client may hold a delegation: EWOULDBLOCK, open(2).
    read = f"find /{dataset} -type f -exec cat {{}} +"
    searched = fleet.storage.try_sh(f"{read} | grep -q -a '{marker.decode()}'")
    assert searched.returncode == 1
    # The disks' raw blocks too, not only what the filesystem shows. The board that is not encrypted
    # proves that this search finds what is there.
    assert not on_disk(marker)
    plain = b"this one is for everybody " + os.urandom(8).hex().encode()
    board.upload(fleet.staging, "plain.txt", plain * 100)
    fleet.storage.sh("sync; zpool sync storage")
    assert on_disk(plain)


def on_disk(text: bytes) -> bool:
    """Whether these bytes lie anywhere on the disks of the pool."""
    images = (STATE / "libvirt/lib/images").glob("lab_storage1-*.qcow2")
    found = []
    for image in images:
        with image.open() as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            found.append(content.find(text) >= 0)
    assert len(found) == 2
    return any(found)


def test_what_is_uploaded_is_never_run(fleet: Fleet) -> None:
    script = b"GIF89a<?php echo 6*7, 'ran'; ?>"
    name = board.upload(fleet.staging, "picture.php", script)
    answer = board.get(fleet.staging, f"/files/{name}")
    assert answer.content == script
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert board.get(fleet.staging, f"/files/{name}/x.php").status_code == 404
    assert board.get(fleet.staging, "/.git/config").status_code == 404


def test_no_link_among_the_uploads_is_followed(fleet: Fleet) -> None:
    uploads = "cd /media/storage/persistent_*"
    fleet.staging.sh(f"{uploads} && ln -s /etc/hostname link && ln -s /etc directory")
    try:
        for path in ("link", "directory/hostname"):
            assert board.get(fleet.staging, f"/files/{path}").status_code in (403, 404)
    finally:
        fleet.staging.sh(f"{uploads} && rm link directory")


def test_an_upload_over_the_limit_is_refused_at_once(fleet: Fleet) -> None:
    too_much = {"Content-Length": str(100 * 2**20 + 1)}
    # Only the limit is the matter here: requests would send the body, or count it.
    connection = HTTPSConnection(
        fleet.staging.address, timeout=60, context=ssl._create_unverified_context()
    )
    connection.request("POST", "/upload.php", headers=too_much)
    assert connection.getresponse().status == 413
    connection.close()
