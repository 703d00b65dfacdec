"""Hosts of both releases of Debian share what one of them has made."""

import sys
import time
from pathlib import Path

import pytest

from fleet.derived.pools import features_of
from fleet.load import load
from lab import board
from lab.machines import INVENTORY, Machine, pyinfra
from tests.lab.fleets import VPN_KEYS, CopiesFleet, CopiesPair, edit
from tests.lab.offsite import (
    COPY,
    OVERHEAD,
    SIZE,
    mend_link,
    pull,
    pull_half,
    received,
    snapshot,
    snapshots,
    write,
)
from tests.lab.pages import block

pytestmark = pytest.mark.offsite

MAKE = """\
truncate -s 128M /var/moved.img
zpool create -o compatibility={features} -O recordsize=1M -O compression=lz4 moved /var/moved.img
head -c 20M /dev/urandom > /moved/file; sha256sum < /moved/file
zpool upgrade moved > /dev/null || true
zpool export moved"""
IMPORT = """\
cat > /var/moved.img.gz; gzip -d /var/moved.img.gz
zpool import -d /var/moved.img moved
sha256sum < /moved/file; touch /moved/more; zpool status -x moved"""


@pytest.mark.parametrize(("old", "new"), [("storage1", "offsite1"), ("offsite1", "storage1")])
def test_a_pool_of_one_release_is_imported_by_the_other(
    pair: CopiesPair, old: str, new: str
) -> None:
    """Even a `zpool upgrade` on the newer one enables nothing that the older does not know."""
    fleet = load(Path(INVENTORY))
    assert fleet.host("storage1").debian != fleet.host("offsite1").debian, "no test otherwise"
    digest = pair[old].sh(MAKE.format(features=features_of(fleet)), timeout=300)
    image = pair[old].try_sh("gzip -1 < /var/moved.img", timeout=300).stdout
    found = pair[new].sh(IMPORT, stdin=image, timeout=300).splitlines()
    assert found == [digest, "pool 'moved' is healthy"]


def test_the_syncoid_of_the_other_release_pulls(pair: CopiesPair) -> None:
    """A new dataset, the rest of a pull that was cut off, and what is newer than the copy."""
    version = "syncoid --version | awk '{print $NF; exit}'"
    own = pair.offsite.sh(version)
    pair.offsite.sh(
        "install -m 755 /dev/stdin /usr/local/sbin/syncoid",
        pair.storage.sh("cat /usr/sbin/syncoid").encode(),
    )
    assert pair.offsite.sh(version) == pair.storage.sh(version) != own
    write(pair, "large", SIZE)
    snapshot(pair)
    start = received(pair)
    pull_half(pair)
    pair.offsite.sh("systemctl stop coop-offsite.service")
    mend_link(pair)
    pull(pair)
    assert received(pair) - start < SIZE * 1.1 * OVERHEAD
    newest = snapshot(pair)
    pull(pair)
    assert snapshots(pair.offsite, COPY)[-1] == newest


# Of the size of the storage server's disks, and block devices as these are: the labels of a pool
# say that its vdevs are disks, or files, and a disk with the label of a file is not imported.
OLD_DISKS = """\
truncate -s {size} /var/disk1 /var/disk2
zpool create -o compatibility={features} -O canmount=off -m none -R /var/old \
  storage mirror $(losetup -P -f --show /var/disk1) $(losetup -P -f --show /var/disk2)"""
DISKS = ("/dev/disk/by-id/virtio-spare1", "/dev/disk/by-id/virtio-spare2")


def test_a_storage_server_moves_to_the_newer_release(quiet: CopiesFleet) -> None:
    """Follows docs/move-to-debian-13.md, with a pool that the older release has made."""
    fleet = load(Path(INVENTORY))
    new, old = fleet.host("storage1"), fleet.host("offsite1")
    assert new.debian and old.debian and new.debian > old.debian, "no test otherwise"
    names = {it.name: board.upload(it, "vision.bin", it.name.encode()) for it in quiet.boards}
    storage, older = quiet.storage, quiet.offsite
    storage.sh("zfs snapshot -r storage@move")
    size = storage.sh(f"blockdev --getsize64 {DISKS[0]}")
    older.sh(OLD_DISKS.format(size=size, features=features_of(fleet)))
    sent = storage.try_sh("zfs send -R storage@move", timeout=300).stdout
    older.sh("zfs receive -F -u storage", stdin=sent, timeout=300)

    start = time.monotonic()
    on_the_server("stop nfs-server", storage)
    # From here on the disks of the pool are those that the older release has written.
    older.sh("zpool export storage; losetup -D")
    disks = [older.try_sh(f"gzip -1 < /var/disk{it}", timeout=600).stdout for it in (1, 2)]
    storage.restore("fresh")
    for disk, image in zip(DISKS, disks, strict=True):
        storage.sh(f"gzip -d | dd of={disk} bs=1M conv=sparse", stdin=image, timeout=600)
    # If there are partitions, the kernel has to hear of them.
    storage.sh(f"blockdev --rereadpt {' '.join(DISKS)}; udevadm settle")
    edit(VPN_KEYS, lambda data: data["hosts"].pop("storage1"))
    first = pyinfra("deploy.py", "-y", "--limit", "storage1")
    assert first.returncode == 0, first.stderr[-4000:]
    quiet.converge()
    for client in quiet.boards:
        assert board.fetch(client, names[client.name]) == client.name.encode()
    print(f"moved in {time.monotonic() - start:.0f} s", file=sys.__stdout__, flush=True)
    assert storage.sh("zpool status -x storage") == "pool 'storage' is healthy"
    newest = snapshot(quiet)
    pull(quiet)
    assert snapshots(older, COPY)[-1] == newest


def on_the_server(words: str, storage: Machine) -> None:
    """Do what the page's block with these words does on the storage server by SSH."""
    for line in block("move-to-debian-13", words).strip().splitlines():
        command = line.strip().removeprefix("ssh storage1 sudo ")
        assert command != line.strip(), line
        storage.sh(command, timeout=300)
