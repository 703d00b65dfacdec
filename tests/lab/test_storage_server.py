"""What the storage server does on its own: snapshots, the scrub, and the limit of each volume."""

import pytest

from tests.lab.fleets import Fleet

pytestmark = pytest.mark.storage

VOLUMES = ("storage/staging/vision-stg1", "storage/prod/vision-prod1")
UPLOADS = "cd /media/storage/persistent_*"
WRITE = f"{UPLOADS} && rm -f large.bin && head -c 30M /dev/urandom > large.bin && sync large.bin"


def test_snapshots_are_taken_and_the_scrub_is_due(fleet: Fleet) -> None:
    fleet.storage.sh("systemctl start sanoid.service")
    due = fleet.storage.sh("systemctl list-timers --no-legend").splitlines()
    for timer in ("sanoid.timer", "zfs-scrub-monthly@storage.timer"):
        (line,) = [line for line in due if timer in line]
        assert not line.startswith("- "), f"never due: {line}"
    taken = fleet.storage.sh("zfs list -H -o name -t snapshot -r storage").splitlines()
    for volume in VOLUMES:
        kept = [name for name in taken if name.startswith(f"{volume}@autosnap_")]
        assert [name for name in kept if name.endswith("_hourly")], taken
        assert [name for name in kept if name.endswith("_daily")], taken
    # Datasets that only pass on their properties have no files to keep.
    parents = {"storage", "storage/staging", "storage/prod"}
    assert not parents & {name.split("@")[0] for name in taken}


def test_what_a_snapshot_kept_can_be_read_after_a_loss(fleet: Fleet) -> None:
    volume = VOLUMES[0]
    fleet.staging.sh(f"{UPLOADS} && echo precious > precious && sync precious")
    # An hour later, because this hour's snapshot may be older than the file.
    fleet.storage.sh("date -s '+61 minutes'; systemctl start sanoid.service")
    fleet.staging.sh(f"{UPLOADS} && rm precious")
    kept = fleet.storage.sh(f"cat /{volume}/.zfs/snapshot/autosnap_*_hourly/*/precious")
    assert "precious" in kept.splitlines()


def test_a_full_volume_takes_no_more_until_its_quota_grows(fleet: Fleet) -> None:
    fleet.storage.sh(f"zfs set quota=20M {VOLUMES[0]}")
    full = fleet.staging.try_sh(WRITE)
    assert full.returncode != 0
    assert b"quota" in full.stderr or b"space" in full.stderr, full
    fleet.converge()
    # A new file: NFS reports an old file's failure again to the next program that writes to it.
    fleet.staging.sh(WRITE)
