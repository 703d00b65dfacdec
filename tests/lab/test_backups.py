"""Sets of a host's files in a provider's directory are encrypted, whole, and can be read again."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from lab.command import CommandFailed, wait_for
from lab.machines import Machine, pyinfra
from tests.lab import provider
from tests.lab.fleets import (
    BackupFleet,
    MovingSets,
    changed_project,
    counts,
    escrow_directory,
    finish,
)

pytestmark = pytest.mark.backups

# Large enough to keep a night busy for some seconds.
SIZE = 96 * 2**20
MARK = "seen-nowhere-else"
SETTINGS = "/etc/coop-infra/backup.json"
METRICS = "/var/lib/coop-infra/metrics/coop-backup.prom"


def night(host: Machine) -> str:
    """Run a night; returns the name of its set. Raises CommandFailed with the unit's log."""
    finish(host, "coop-backup", 600)
    return sets(host)[-1]


def sets(host: Machine) -> list[str]:
    """The names of all sets, the oldest first."""
    return host.sh("coop-backup run borg list --short", timeout=300).split()


def extracted(host: Machine, name: str, path: str) -> str:
    """The content of a file in the set."""
    command = f"coop-backup run borg extract --stdout ::{name} {path.lstrip('/')}"
    return host.sh(command, timeout=300)


def settings(host: Machine, **changes: object) -> None:
    """Change the night's settings on the host, as if the data said so."""
    now = json.loads(host.sh(f"cat {SETTINGS}"))
    host.sh(f"cat > {SETTINGS}", json.dumps({**now, **changes}).encode())


@pytest.fixture
def moving() -> MovingSets:
    """The machines as installed, and a provider who admits the one with the older release."""
    machines = MovingSets()
    machines.restore("fresh")
    provider.set_up(machines.provider)
    provider.admit(machines.provider, machines.older)
    return machines


@pytest.fixture
def ticking(backups: BackupFleet) -> BackupFleet:
    """The machines with a service that writes two files in turn, which are of use only together."""
    backups.host.sh(
        "cat > /etc/systemd/system/ticker.service; systemctl start ticker.service", TICKER.encode()
    )
    return backups


# Nice, because a night has a low priority too: a busy service would leave it no time.
TICKER = """\
[Service]
Nice=19
ExecStart=/bin/sh -c 'cd /srv; while :; do n=$$((n+1)); for each in one two; do \
echo $$n > .$$each; mv .$$each $$each; sleep 0.1; done; done'
"""


def test_a_set_holds_every_file_as_it_was_and_the_provider_can_read_none(
    backups: BackupFleet,
) -> None:
    host = backups.host
    host.sh(f"mkdir /srv/{MARK}; echo {MARK} > /srv/{MARK}/{MARK}; chown 33:4 /srv/{MARK}/{MARK}")
    host.sh(f"chmod 640 /srv/{MARK}/{MARK}; ln -s {MARK} /srv/link")
    name = night(host)
    assert extracted(host, name, f"/srv/{MARK}/{MARK}") == MARK
    back = f"mkdir /tmp/back; cd /tmp/back; coop-backup run borg extract --numeric-ids ::{name} srv"
    host.sh(back, timeout=300)
    facts = "stat -c '%a %u %g %Y %n'"
    assert host.sh(f"cd /tmp/back && {facts} srv/*/* srv/link") == host.sh(
        f"cd / && {facts} srv/*/* srv/link"
    )
    there = backups.provider.sh(f"find {provider.EXPORT}; stat -c %u {provider.EXPORT}/*/*")
    assert MARK not in there and "srv" not in there and "config" not in there
    assert there.splitlines()[-1] == str(provider.ANYONE)
    found = backups.provider.try_sh(
        f"find {provider.EXPORT} -type f -exec grep -a -l -e {MARK} -e BORG {{}} +"
    )
    assert (found.returncode, found.stdout) == (1, b"")
    # The store itself refuses a chown: it is not that the host does not try.
    mounted = "unshare --mount sh -c 'mount -t nfs {} /mnt && touch /mnt/x && chown 1 /mnt/x'"
    refused = host.try_sh(mounted.format(f"{backups.provider.address}:{provider.EXPORT}"))
    assert b"Operation not permitted" in refused.stderr
    # Nothing of the night is left on the host.
    assert "coop-backup" not in host.sh("cat /proc/mounts")
    assert host.try_sh("pgrep gocryptfs").returncode == 1
    look = json.loads(host.sh("coop-backup look"))
    assert (look["sets"], look["problems"]) == (1, [])


def test_it_goes_on_by_itself_and_the_next_run_changes_nothing(backups: BackupFleet) -> None:
    backups.host.sh("systemctl start 'coop-backup.timer' coop-backup-status.timer")
    due = backups.host.sh("systemctl list-timers --no-legend")
    for timer in ("coop-backup.timer", "coop-backup-status.timer"):
        (line,) = [line for line in due.splitlines() if timer in line]
        assert not line.startswith("- "), f"never due: {line}"
    again = pyinfra("deploy.py", "-y", *backups.limit())
    assert (again.returncode, counts(again.stderr)[:2]) == (0, (0, 0)), again.stderr[-4000:]


def test_a_night_that_is_cut_off_harms_no_set(ticking: BackupFleet) -> None:
    host = ticking.host
    settings(host, source={"quiesce": ["ticker.service"]})
    host.sh(f"echo {MARK} > /srv/first")
    first = night(host)
    assert host.sh("systemctl is-active ticker.service") == "active"
    for cut in ("systemctl kill -s KILL coop-backup.service", None):
        host.sh(f"head -c {SIZE} /dev/urandom > /srv/large; sync")
        begin(ticking)
        assert provider.connections(ticking.provider) == 1
        assert host.try_sh("systemctl is-active ticker.service").returncode != 0
        if cut:
            host.sh(cut)
            wait_for(lambda: is_running(host, "ticker.service"), "it runs again", 60)
        else:
            host.reset()
            host.wait_until_up()
            host.sh("systemctl stop 'coop-backup*.timer'")
        assert [name for name in sets(host) if name.startswith("night-")] == [first]
        assert extracted(host, first, "/srv/first") == MARK
    second = night(host)
    assert sets(host) == [first, second]
    assert extracted(host, second, "/srv/first") == MARK
    host.sh("coop-backup run borg check --verify-data", timeout=600)


def test_what_is_stopped_stays_stopped_or_there_is_no_set(ticking: BackupFleet) -> None:
    """A timer of its own would start it every second; then somebody starts it by hand."""
    host = ticking.host
    timer = "[Timer]\\nOnActiveSec=1\\nOnUnitInactiveSec=1\\nAccuracySec=1\\n"
    host.sh(f"printf '{timer}' > /etc/systemd/system/ticker.timer; systemctl start ticker.timer")
    settings(host, source={"quiesce": ["ticker.service"]})
    host.sh(f"head -c {SIZE} /dev/urandom > /srv/large; sync")
    name = night(host)
    assert is_running(host, "ticker.timer") and is_running(host, "ticker.service")
    host.sh(f"head -c {SIZE} /dev/urandom > /srv/large; sync")
    begin(ticking)
    host.sh("systemctl start ticker.service")
    result = "systemctl show -P Result coop-backup.service"
    wait_for(lambda: host.sh(result) == "exit-code", "the night has failed", 300)
    assert "ticker.service: started again" in host.sh("journalctl -o cat -u coop-backup -n 30")
    assert sets(host) == [name]


def begin(fleet: BackupFleet) -> None:
    """Start a night, and wait until a part of its set has reached the provider."""
    before = provider.written(fleet.provider)
    fleet.host.sh("systemctl start --no-block coop-backup.service")
    wait_for(lambda: provider.written(fleet.provider) - before > SIZE // 8, "a part is there", 300)


def used(fleet: BackupFleet) -> int:
    """Bytes that the provider keeps."""
    return int(fleet.provider.sh("zpool sync ovh; zfs get -Hp -o value used ovh/ns1"))


def is_running(host: Machine, unit: str) -> bool:
    return host.try_sh(f"systemctl is-active {unit}").returncode == 0


LIMITS = b"[Service]\nTimeoutStartSec=40s\nTimeoutStopSec=20s\n"


def test_a_silent_provider_ends_the_night_and_what_was_stopped_runs_again(
    ticking: BackupFleet,
) -> None:
    host = ticking.host
    settings(host, source={"quiesce": ["ticker.service"]})
    first = night(host)
    drop_in = "/run/systemd/system/coop-backup.service.d"
    host.sh(f"mkdir -p {drop_in}; cat > {drop_in}/x.conf", LIMITS)
    host.sh(f"systemctl daemon-reload; head -c {SIZE} /dev/urandom > /srv/large; sync")
    begin(ticking)
    ticking.provider.sh(
        "nft 'table inet silent { chain in { type filter hook input priority -1; "
        "tcp dport 2049 drop; }; }'"
    )
    wait_for(lambda: is_running(host, "ticker.service"), "it runs again", 200)
    assert host.sh("systemctl show -p Result --value coop-backup.service") == "timeout"
    ticking.provider.sh("nft delete table inet silent")
    assert sets(host)[0] == first
    assert extracted(host, first, "/etc/hostname") == host.sh("cat /etc/hostname")


def test_a_set_that_somebody_has_made_by_hand_is_told_and_stays(backups: BackupFleet) -> None:
    host = backups.host
    first, by_hand = night(host), "night-before-upgrade"
    host.sh(f"coop-backup run borg create ::{by_hand} /etc/hostname", timeout=300)
    host.sh(f"coop-backup run borg create ::unfinished-{by_hand} /etc/hostname", timeout=300)
    finish(host, "coop-backup", 600)
    found = json.loads(host.try_sh("coop-backup look", timeout=300).stdout)
    assert found["sets"] == 2
    (problem,) = found["problems"]
    assert f"no night gives a set such a name: '{by_hand}'" in problem
    assert {first, by_hand, f"unfinished-{by_hand}"} < {*sets(host)}


def test_access_that_is_revoked_is_loud(backups: BackupFleet) -> None:
    first = night(backups.host)
    provider.revoke(backups.provider)
    with pytest.raises(CommandFailed, match=r"access denied|Permission denied|not permitted"):
        night(backups.host)
    look = backups.host.try_sh("coop-backup look", timeout=300)
    assert look.returncode == 1
    said = json.loads(look.stdout)
    assert said["sets"] == 1 and "cannot be read" in said["problems"][0]
    provider.admit(backups.provider, backups.host)
    assert extracted(backups.host, first, "/etc/hostname") == backups.host.sh("cat /etc/hostname")


def test_a_quota_that_is_full_is_loud_and_harms_no_set(backups: BackupFleet) -> None:
    host = backups.host
    host.sh(f"echo {MARK} > /srv/first")
    first = night(host)
    host.sh(f"head -c {provider.QUOTA} /dev/urandom > /srv/large; sync", timeout=300)
    with pytest.raises(CommandFailed, match=r"[Qq]uota|space"):
        night(host)
    assert extracted(host, first, "/srv/first") == MARK
    host.sh("rm /srv/large")
    second = night(host)
    assert sets(host) == [first, second]
    assert used(backups) < provider.QUOTA // 4


def test_as_many_nights_are_kept_as_the_data_says(backups: BackupFleet) -> None:
    settings(backups.host, keep=2)
    made = []
    for _ in range(4):
        made.append(night(backups.host))
        backups.host.sh("date -s '+1 day' > /dev/null")
    assert sets(backups.host) == made[-2:]


def test_a_set_that_is_too_old_is_told(backups: BackupFleet) -> None:
    host = backups.host
    night(host)
    host.sh("systemctl start coop-backup-status.service", timeout=300)
    metrics = host.sh(f"cat {METRICS}").splitlines()
    assert {"coop_set_kept 1", 'coop_set_problem{kind="old"} 0'} <= {*metrics}
    # Everybody may read the metrics, to scrape them; only root may put others in their place.
    rights = host.sh(f"stat -c '%a %U %G' {Path(METRICS).parent} {METRICS}").splitlines()
    assert rights == ["755 root root", "644 root root"]
    host.sh("date -s '+27 hours' > /dev/null")
    assert host.try_sh("systemctl start coop-backup-status.service", timeout=300).returncode != 0
    assert "the newest set is" in host.sh("journalctl -u coop-backup-status --no-pager -n 20")
    assert 'coop_set_problem{kind="old"} 1' in host.sh(f"cat {METRICS}").splitlines()
    audit = pyinfra("audit.py", "-y", *backups.limit())
    assert audit.returncode != 0
    assert "backup: the newest set is" in audit.stdout + audit.stderr
    assert "Sets in the provider's store: 1" in audit.stdout + audit.stderr


def test_a_host_that_is_made_anew_reads_its_sets_by_escrow_alone(backups: BackupFleet) -> None:
    host = backups.host
    host.sh(f"echo {MARK} > /srv/first")
    first = night(host)
    host.sh("rm -r /etc/coop-infra/backup.* /var/lib/coop-backup /root/.cache; true")
    backups.converge()
    host.sh("systemctl stop 'coop-backup*.timer'")
    assert extracted(host, first, "/srv/first") == MARK
    second = night(host)
    assert sets(host) == [first, second]


def test_a_host_without_the_escrowed_key_begins_nothing_beside_its_sets(
    backups: BackupFleet,
) -> None:
    host = backups.host
    night(host)
    before = backups.provider.sh(f"find {provider.EXPORT} -type f | sort")
    host.sh("rm -r /etc/coop-infra/backup.* /var/lib/coop-backup")
    kept = escrow_directory() / "files1"
    kept.rename(kept.with_name("elsewhere"))
    backups.converge()
    host.sh("systemctl stop 'coop-backup*.timer'")
    with pytest.raises(CommandFailed, match="its key does not open"):
        night(host)
    assert backups.provider.sh(f"find {provider.EXPORT} -type f | sort") == before


def test_a_host_that_is_installed_anew_with_the_newer_release_goes_on_with_its_sets(
    moving: MovingSets, tmp_path: Path
) -> None:
    """The sets of borg 1.2, on Debian 12, are read and gone on with by borg 1.4."""
    old, new = moving.older, moving.host

    def on_the_older(hosts: dict[str, Any]) -> None:
        hosts["files1"].update(debian=hosts.pop("files2")["debian"], address=old.address)

    moving.converge(directory=changed_project(tmp_path / "before", on_the_older))
    old.sh("systemctl stop 'coop-backup*.timer'")
    old.sh(f"echo {MARK} > /srv/first")
    first = night(old)
    versions = [each.sh("borg --version") for each in (old, new)]
    assert [it.split()[1].rpartition(".")[0] for it in versions] == ["1.2", "1.4"]
    old.suspend()
    provider.admit(moving.provider, new)
    moving.converge()
    new.sh("systemctl stop 'coop-backup*.timer'")
    assert extracted(new, first, "/srv/first") == MARK
    second = night(new)
    assert sets(new) == [first, second]
    new.sh("coop-backup run borg check --verify-data", timeout=600)


def test_sets_that_are_gone_are_loud(backups: BackupFleet) -> None:
    night(backups.host)
    backups.provider.sh(f"rm -r {provider.EXPORT}/*")
    with pytest.raises(CommandFailed, match="are gone"):
        night(backups.host)


def test_a_share_within_a_directory_is_not_left_out_in_silence(backups: BackupFleet) -> None:
    at = "/srv/shared"
    share = f"{backups.provider.address}:{provider.EXPORT}"
    backups.host.sh(f"mkdir -p {at}; mount -t nfs -o nconnect=1 {share} {at}", timeout=120)
    settings(backups.host, directories=["/srv"])
    with pytest.raises(CommandFailed, match=f"{at} in /srv is a file system of its own"):
        night(backups.host)


@pytest.mark.parametrize("kind", ["lvm", "zfs"])
def test_a_snapshot_is_of_one_moment(backups: BackupFleet, kind: str) -> None:
    """Two files change all the time, one after the other. In a set both are of the same moment."""
    host = backups.host
    host.sh(MAKE[kind], timeout=300)
    host.sh("cat > /etc/systemd/system/ticker.service", TICKER.replace("sleep 0.1", ":").encode())
    host.sh("systemctl start ticker.service")
    source = {"lvm": "vg0/srv"} if kind == "lvm" else {"zfs": "tank/srv"}
    settings(host, source=source, directories=["/srv"])
    name = night(host)
    one, two = (int(extracted(host, name, f"/srv/{each}") or 0) for each in ("one", "two"))
    assert 0 <= one - two <= 1
    assert is_running(host, "ticker.service")
    # Nothing is left of the night's snapshot, nor, after a night, of one that a reset left.
    assert host.sh(LEFT[kind]) == ""
    host.sh(LEAVE[kind])
    night(host)
    assert host.sh(LEFT[kind]) == ""
    if kind == "lvm":
        assert host.sh("lvs --noheadings -o lv_name vg0").split() == ["other", "srv"]
    settings(host, source=source, directories=["/srv", "/etc"])
    with pytest.raises(CommandFailed, match=r"/etc is not on .* but at /:"):
        night(host)


MAKE = {
    "lvm": (
        "truncate -s 300M /var/lvm.img; loop=$(losetup --show -f /var/lvm.img) && "
        "vgcreate -q vg0 $loop && lvcreate -q -n srv -L 100M vg0 && mkfs.ext4 -q /dev/vg0/srv && "
        "mount /dev/vg0/srv /srv && lvcreate -q -n other -L 20M vg0"
    ),
    "zfs": (
        # Not mounted by ZFS itself, and with a snapshot that ZFS mounts as soon as somebody looks.
        "modprobe zfs && truncate -s 300M /var/zfs.img && zpool create tank /var/zfs.img && "
        "zfs create -o mountpoint=legacy tank/srv && mount -t zfs tank/srv /srv && "
        "zfs snapshot tank/srv@by-hand && ls /srv/.zfs/snapshot/by-hand/ && "
        "findmnt -M /srv/.zfs/snapshot/by-hand"
    ),
}
LEFT = {
    "lvm": "lvs --noheadings -o lv_name -S lv_tags={coop-backup} vg0",
    "zfs": "zfs list -H -t snapshot -o name -r tank | sed /@by-hand$/d",
}
LEAVE = {
    "lvm": "lvcreate -q -s -n coop-backup --addtag coop-backup -L 20M vg0/srv",
    "zfs": "zfs snapshot tank/srv@coop-backup",
}


def test_the_provider_takes_no_fourth_connection(backups: BackupFleet) -> None:
    """The stand-in does limit connections, so a night that opens too many would fail a test."""
    address = backups.provider.address
    code = (
        "import socket, sys\n"
        f"held = [socket.create_connection(('{address}', 2049), 5) for _ in range(4)]\n"
    )
    tried = backups.host.try_sh(f"python3 -c {shlex.quote(code)}")
    assert tried.returncode != 0
    assert b"Connection refused" in tried.stderr or b"timed out" in tried.stderr


def test_a_link_of_the_providers_leads_no_set_onto_the_hosts_own_disk(
    backups: BackupFleet,
) -> None:
    place = f"{provider.EXPORT}/{backups.host.name}"
    backups.host.sh("mkdir /srv/local; rm -f /var/lib/coop-backup/had-sets")
    backups.provider.sh(f"[ ! -e {place} ] || mv {place} {place}.aside; ln -s /srv/local {place}")
    with pytest.raises(CommandFailed, match="is no directory, but a link or a file"):
        night(backups.host)
    assert backups.host.sh("ls -A /srv/local") == ""
