"""A dry run shows what somebody changed by hand, and the run mends it; nothing is destroyed."""

import pytest

from lab import board
from lab.machines import Machine, pyinfra
from tests.lab.fleets import LIMIT, Fleet, counts, look

pytestmark = pytest.mark.storage

CHANGES = (
    "zfs set quota=1G storage/prod/vision-prod1",
    "zfs inherit compression storage/staging",
    "zfs set atime=on storage/prod/vision-prod1",
    "exportfs -u 10.66.0.21:/storage/staging/vision-stg1",
    "sed -i s/threads=.*/threads=2/ /etc/nfs.conf.d/coop-infra.conf",
)
CLIENT_CHANGES = (
    "sed -i s/client_max_body_size.*/client_max_body_size=1m/ /etc/nginx/sites-enabled/vision",
    "chmod 600 /usr/local/sbin/vision-health",
    "sed -i '$aEnvironment=X=1' /etc/systemd/system/php*-fpm.service.d/coop-storage.conf",
    # Stopped too: within 15 seconds the timer would mend the next change before a run sees it.
    "systemctl disable -q --now coop-storage-retry.timer",
    "systemctl stop coop-storage-retry.service",
    "umount -l /media/storage && mount -t nfs4 -o vers=4.2,soft "
    "10.66.0.11:/storage/staging/vision-stg1 /media/storage",
    "echo tampered >> /var/www/vision-staging.lab.test/index.php",
)
SHOWN = (
    "storage/prod/vision-prod1: quota 1G -> 500M",
    "storage/staging: compression",
    "storage/prod/vision-prod1: atime on -> inherited",
    "-threads=2",
    "-    client_max_body_size=1m",
    "/usr/local/sbin/vision-health: root:root 0600 -> root:root 0755",
    "-Environment=X=1",
    "coop-storage-retry.timer: disabled -> enabled",
    "coop-storage-retry.timer: inactive (dead) -> running",
    "media-storage.mount: mounted rw,",
    "/var/www/vision-staging.lab.test/index.php: local change -> as committed",
    "/storage/staging/vision-stg1",
    "storage/prod/stranger",
)


@pytest.mark.core
def test_drift_is_shown_and_mended_and_a_stranger_is_left(fleet: Fleet) -> None:
    before = look(fleet)
    # Before CHANGES, which take an export away: zfs create itself runs exportfs -ra.
    fleet.storage.sh("zfs create storage/prod/stranger; echo mine > /storage/prod/stranger/file")
    # While the volume is still exported, because one of these changes mounts it.
    fleet.staging.sh("; ".join(CLIENT_CHANGES))
    fleet.storage.sh("; ".join(CHANGES))

    dry = pyinfra("deploy.py", "--dry", "--diff", *LIMIT)
    missing = [text for text in SHOWN if text not in dry.stderr]
    assert missing == [], dry.stderr[-8000:]
    assert fleet.storage.sh("zfs get -Hp -o value quota storage/prod/vision-prod1") == str(2**30)

    output = fleet.converge()
    assert "storage/prod/stranger" in output
    assert fleet.storage.sh("cat /storage/prod/stranger/file") == "mine"
    after = look(fleet)
    fleet.storage.sh("zfs destroy -r storage/prod/stranger")
    for each in fleet.all:
        assert wanted(after[each.name]) == wanted(before[each.name])
    assert board.works(fleet.staging)


# WireGuard's peers refuse a handshake that is older than the last: after one from hours ahead the
# tunnel would be shut for hours.
HUSH = (
    "nft add table inet hush; "
    "nft 'add chain inet hush out { type filter hook output priority 0; }'; "
    "nft add rule inet hush out udp dport 51820 drop"
)


def test_a_clock_that_was_ahead_keeps_no_file_out_of_force(fleet: Fleet) -> None:
    """Three times: of a start, of a file, and of sshd's last reload."""
    one = fleet.staging
    php, pool = one.sh(
        "basename /lib/systemd/system/php*-fpm.service; ls /etc/php/*/fpm/pool.d/v*"
    ).split()
    site = "/etc/nginx/sites-enabled/vision"
    one.sh(
        f"{HUSH}; date -s '+3 hours'; systemctl restart {php} ssh; touch {site}; "
        "date -s '-3 hours'; nft delete table inet hush"
    )
    one.sh(f"sed -i 's/memory_limit. = .*/memory_limit] = 8M/' {pool}; systemctl reload {php}")
    before = invocation(one, php)
    fleet.converge()
    assert invocation(one, php) != before
    assert "= 8M" not in one.sh(f"cat {pool}")
    assert counts(fleet.converge())[:2] == (0, 0)
    assert board.works(one)


def invocation(machine: Machine, unit: str) -> str:
    """Tells one start of the unit from another, without a clock."""
    return machine.sh(f"systemctl show -P InvocationID {unit}")


def wanted(state: str) -> list[str]:
    """The lines of a look, without times of files, invocations of units, and the stranger."""
    files, _, rest = state.partition("== mounts")
    lines = [line.split(" ") for line in files.splitlines()]
    names = [" ".join(line[:6]) for line in lines if len(line) > 6 and line[1] != "d"]
    settings = rest.partition("== started")[0].splitlines()
    return [line for line in names + settings if "stranger" not in line and "/.git/" not in line]
