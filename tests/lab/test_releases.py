"""Hosts of both releases of Debian share what one of them has made."""

import json
import sys
import time
from pathlib import Path

import pytest

from fleet.derived.pools import oldest_of
from fleet.load import load
from lab import board
from lab.machines import INVENTORY, ROOT, Machine, pyinfra
from operations.pool_features import READ_ONLY_COMPATIBLE
from tests.lab.fleets import VPN_KEYS, CopiesFleet, CopiesPair, edit, look
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
from tests.lab.state import difference

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
    digest = pair[old].sh(MAKE.format(features=oldest_of(fleet).zfs_features), timeout=300)
    image = pair[old].try_sh("gzip -1 < /var/moved.img", timeout=300).stdout
    found = pair[new].sh(IMPORT, stdin=image, timeout=300).splitlines()
    assert found == [digest, "pool 'moved' is healthy"]


COMPATIBLE = """\
cd /sys/module/zfs/features.pool
for it in *; do [ $(cat $it/readonly_compatible) = 0 ] || cat $it/uname; done"""


def test_what_is_known_of_features_is_what_the_releases_say(pair: CopiesPair) -> None:
    fleet = load(Path(INVENTORY))
    for each in pair.all:
        release = fleet.host(each.name).release
        file = f"/usr/share/zfs/compatibility.d/{release.zfs_features}"
        assert set(each.sh(f"grep -v '^#' {file}").split()) == release.pool_features
    new, old = (fleet.host(it).release.pool_features for it in ("storage1", "offsite1"))
    assert set(pair.storage.sh(COMPATIBLE).split()) & (new - old) == READ_ONLY_COMPATIBLE


def test_a_pool_that_somebody_has_upgraded_is_told_and_left(pair: CopiesPair) -> None:
    """By dry run, run and audit. Copies go on, as the stream of no dataset needs the features."""
    assert drift_of_pools(pair) == {"storage1": [], "offsite1": []}
    # Without the first command, zpool upgrade would enable nothing.
    pair.storage.sh("set -e; zpool set compatibility=off storage; zpool upgrade storage")
    write(pair, "more", 2**20)
    newest = snapshot(pair)
    pull(pair)
    assert snapshots(pair.offsite, COPY)[-1] == newest

    found = drift_of_pools(pair)
    active, enabled, limit = found["storage1"]
    assert "active on the pool and not known to Debian 12: " in active and "head_errlog" in active
    assert "A host with Debian 12 cannot import the pool." in active
    assert "enabled on the pool, not active, and not known to Debian 12: " in enabled
    assert "compatibility is off, not openzfs-2.1-linux" in limit
    assert found["offsite1"] == []

    for way in ("--dry", "-y"):
        done = pyinfra("deploy.py", way, "--limit", "storage1")
        assert done.returncode == 0, done.stderr[-4000:]
        said = f"storage: {active.removeprefix('pool storage: ')}"
        assert said in done.stderr, done.stderr[-4000:]
    compatibility = pair.storage.sh("zpool get -H -o value compatibility storage")
    assert compatibility == "openzfs-2.1-linux"
    assert drift_of_pools(pair)["storage1"] == [active, enabled]


def drift_of_pools(pair: CopiesPair) -> dict[str, list[str]]:
    """What an audit says of each host's pool."""
    report = ROOT / "reports/audit.json"
    report.unlink(missing_ok=True)
    done = pyinfra("audit.py", "-y", *pair.limit())
    assert report.exists() and "Traceback" not in done.stderr, done.stderr[-4000:]
    hosts = json.loads(report.read_text())["hosts"]
    return {
        name: [it for it in hosts[name]["drift"] if it.startswith("pool ")] for name in pair.names
    }


# Without a limit, so that the pool has all features of its release. A disk, as with OLD_DISKS.
TOO_NEW = """\
set -e
truncate -s 128M /var/new.img
zpool create -m none offsite $(losetup -P -f --show /var/new.img)
zpool export offsite
losetup -D"""
# In the place of the host's own pool. The label is on the disk, or on a partition.
PLUG_IN = """\
set -e
gzip -d > /var/new.img
zpool destroy offsite
disk=$(losetup -P -f --show /var/new.img)
udevadm settle
for it in $disk "$disk"p*; do ln -s $it /dev/disk/by-id/new-${it##*/}; done"""


def test_a_pool_that_is_too_new_for_its_host_is_refused_before_any_change(
    pair: CopiesPair,
) -> None:
    pair.storage.sh(TOO_NEW)
    image = pair.storage.try_sh("gzip -1 < /var/new.img", timeout=300).stdout
    pair.offsite.sh(PLUG_IN, stdin=image, timeout=300)
    before = look(pair)
    output = pair.refused()
    says = "offsite: the pool is there, and this host's OpenZFS does not know features"
    assert says in output and "head_errlog" in output, output[-3000:]
    assert difference(before, look(pair)) == []


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
    older.sh(OLD_DISKS.format(size=size, features=oldest_of(fleet).zfs_features))
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
