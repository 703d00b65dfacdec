"""The storage goes away and comes back: nobody has to do anything, and nothing is lost."""

import time
from functools import partial

import pytest

from lab import board
from lab.command import wait_for
from lab.machines import Machine, together
from tests.lab.fleets import Fleet
from tests.lab.state import bare_entries

pytestmark = pytest.mark.storage

BACK_SECONDS = 300


def succeeds(machine: Machine, command: str) -> bool:
    return machine.try_sh(command).returncode == 0


def a_service_runs(machine: Machine) -> bool:
    return succeeds(machine, "systemctl is-active --quiet nginx.service 'php*-fpm.service'")


def the_mount_failed(machine: Machine) -> bool:
    """Whether the mount, and the retry by the timer, are among the units that failed."""
    failed = machine.sh("systemctl list-units --failed --plain --no-legend")
    return "media-" in failed and "coop-storage-retry.service" in failed


@pytest.mark.core
def test_storage_away_at_boot_and_back_later(fleet: Fleet) -> None:
    stored = {each.name: board.upload(each, "kept.txt", b"kept" * 1000) for each in fleet.boards}
    normal_boot = boot(fleet)
    for each in fleet.boards:
        wait_for(partial(board.works, each), f"{each.name} is back", BACK_SECONDS)

    fleet.storage.power_off()
    # A boot that waits for the mount would take longer: the mount may try for 60 s.
    assert boot(fleet) < normal_boot + 30
    for each in fleet.boards:
        wait_for(partial(the_mount_failed, each), f"{each.name} says that the mount failed", 200)
        assert not a_service_runs(each)
        for path in ("/media/storage", "/media/ciphertext"):
            if each.try_sh(f"test -d {path}").returncode == 0:
                assert bare_entries(each, path) == 0
                assert each.try_sh(f"touch {path}/plain").returncode != 0

    fleet.storage.power_on()
    for each in fleet.boards:
        wait_for(partial(board.works, each), f"{each.name} is back", BACK_SECONDS)
        assert board.fetch(each, stored[each.name]) == b"kept" * 1000


def boot(fleet: Fleet) -> float:
    """Reset both boards' machines; returns the seconds until both answer by SSH."""
    start = time.monotonic()
    together(fleet.boards, lambda each: each.reset())
    together(fleet.boards, lambda each: each.wait_until_up(300))
    return time.monotonic() - start


def test_storage_rebooted_during_a_write(fleet: Fleet) -> None:
    """The writers wait while the server is away, and their files are whole."""
    write = (
        "cd /media/storage/persistent_*; "
        "for part in $(seq 60); do head -c 65536 /dev/urandom; sleep 0.2; done "
        "| tee long.bin | sha256sum > /run/meant; sync long.bin && touch /run/done"
    )
    for each in fleet.boards:
        each.sh(f"rm -f /run/done; systemd-run --quiet --unit=writer sh -c '{write}'")
        wait_for(
            partial(succeeds, each, "test -s /media/storage/persistent_*/long.bin"),
            "the writer has begun",
            60,
        )
    fleet.storage.power_off()
    for each in fleet.boards:
        assert not succeeds(each, "test -e /run/done")
    fleet.storage.power_on()
    fleet.storage.wait_until_up()
    served = nfs_server_since(fleet.storage)
    for each in fleet.boards:
        wait_for(
            partial(succeeds, each, "test -e /run/done"),
            f"the writer of {each.name} has ended",
            BACK_SECONDS,
        )
        assert int(each.sh("stat -c %Y /run/done")) >= served, "the writer did not wait"
        meant = each.sh("cat /run/meant").split()[0]
        each.sh("echo 3 > /proc/sys/vm/drop_caches")
        assert each.sh("sha256sum /media/storage/persistent_*/long.bin").split()[0] == meant
    stored = fleet.storage.sh("sha256sum /storage/staging/vision-stg1/persistent_*/long.bin")
    assert stored.split()[0] == fleet.staging.sh("cat /run/meant").split()[0]


def nfs_server_since(storage: Machine) -> int:
    """When the NFS server started, in seconds since the epoch; waits until it runs."""
    wait_for(partial(succeeds, storage, "systemctl is-active -q nfs-server"), "NFS serves", 120)
    at = storage.sh("systemctl show -P ActiveEnterTimestamp nfs-server")
    return int(storage.sh(f"date +%s -d '{at}'"))
