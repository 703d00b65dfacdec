"""A pool that is not imported is an error for the clients, never an empty directory to write to."""

from functools import partial

import pytest

from lab import board
from lab.machines import machine, wait_for
from tests.lab.conftest import Fleet
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
    mounted = fleet.staging.try_sh(
        "mkdir -p /run/probe; timeout 60 mount -t nfs4 -o vers=4.2,retry=0 "
        f"{fleet.storage.address}:/storage/staging/vision-stg1 /run/probe && ls -la /run/probe && "
        "touch /run/probe/lost",
        timeout=90,
    )
    assert mounted.returncode != 0, mounted.stdout
    assert fleet.storage.sh("find /storage -type f") == ""

    fleet.converge()
    for each in fleet.boards:
        wait_for(partial(board.works, each), f"{each.name} is back", 120)
        assert bare_entries(each, "/media/storage") == 0
    assert board.fetch(fleet.staging, name) == b"kept" * 1000


def test_a_client_reaches_its_own_export_only(fleet: Fleet) -> None:
    foreign = fleet.staging.try_sh(
        "mkdir -p /run/probe; timeout 60 mount -t nfs4 -o vers=4.2,retry=0 "
        f"{fleet.storage.address}:/storage/prod/vision-prod1 /run/probe",
        timeout=90,
    )
    assert foreign.returncode != 0
    old = fleet.staging.try_sh(
        "timeout 60 mount -t nfs -o vers=3,retry=0,nolock "
        f"{fleet.storage.address}:/storage/staging/vision-stg1 /run/probe",
        timeout=90,
    )
    assert old.returncode != 0
    assert machine("storage1").sh("cat /proc/fs/nfsd/versions").split()[0] == "-3"
