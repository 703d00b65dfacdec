"""A pool that is not imported is an error for the clients, never an empty directory to write to."""

import subprocess
from functools import partial

import pytest

from lab import board
from lab.command import wait_for
from tests.lab.fleets import Fleet, addresses
from tests.lab.state import bare_entries

pytestmark = pytest.mark.storage


def test_pool_not_imported(fleet: Fleet) -> None:
    name = board.upload(fleet.staging, "kept.txt", b"kept" * 1000)
    # The worst case: the directories under the datasets exist, and the server boots without pool.
    fleet.storage.sh(
        "mv /etc/zfs/zpool.cache /etc/zfs/zpool.cache.away; systemctl disable zfs-import-cache"
    )
    fleet.storage.reset()
    fleet.storage.wait_until_up()
    assert fleet.storage.sh("zpool list -H") == ""
    fleet.storage.sh("mkdir -p /storage/staging/vision-stg1 /storage/prod/vision-prod1")
    fleet.storage.sh("chown 20001:20001 /storage/staging/vision-stg1")
    wait_for(
        lambda: fleet.storage.try_sh("systemctl is-active -q nfs-server").returncode == 0,
        "the NFS server runs",
        120,
    )

    wrote = fleet.staging.try_sh(
        "timeout -s KILL 60 sh -c 'echo lost > /media/storage/lost'", timeout=90
    )
    assert wrote.returncode != 0
    assert_refused(mount(fleet, "/storage/staging/vision-stg1"))
    assert fleet.storage.sh("find /storage -type f") == ""

    fleet.converge()
    for each in fleet.boards:
        wait_for(partial(board.works, each), f"{each.name} is back", 120)
        assert bare_entries(each, "/media/storage") == 0
    assert board.fetch(fleet.staging, name) == b"kept" * 1000


def test_a_client_reaches_its_own_export_only(fleet: Fleet) -> None:
    own, foreign = "/storage/staging/vision-stg1", "/storage/prod/vision-prod1"
    assert mount(fleet, own).returncode == 0
    # Whoever writes a file there, the file belongs to the volume's owner.
    fleet.staging.sh("touch /run/probe/from-root; umount /run/probe")
    assert fleet.storage.sh(f"stat -c %u:%g {own}/from-root") == "20001:20001"

    # By this name the server tells its clients apart, even if two of them have one host name.
    assert fleet.staging.sh("cat /sys/module/nfs/parameters/nfs4_unique_id") == "vision-stg1"

    assert_refused(mount(fleet, foreign))
    for version in ("3,nolock", "4.0", "4.1"):
        assert_refused(mount(fleet, own, version))
    assert fleet.storage.sh("cat /proc/fs/nfsd/versions") == "-3 +4 -4.0 -4.1 +4.2"


def mount(fleet: Fleet, export: str, version: str = "4.2") -> subprocess.CompletedProcess[bytes]:
    """Try to mount an export on the staging client, at /run/probe."""
    return fleet.staging.try_sh(
        f"mkdir -p /run/probe; timeout 60 mount -t nfs -o vers={version},retry=0 "
        f"{addresses(fleet.storage.name)[0]}:{export} /run/probe",
        timeout=90,
    )


def assert_refused(mounted: subprocess.CompletedProcess[bytes]) -> None:
    """mount(8) itself failed (status 32): it did not take too long and was not called wrongly."""
    assert mounted.returncode == 32, mounted
