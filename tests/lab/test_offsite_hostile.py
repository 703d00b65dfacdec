"""Copies off-site outlive a storage server in the wrong hands, and bad luck."""

import json
import shlex

import pytest

from lab.command import CommandFailed
from lab.machines import Machine
from tests.lab.fleets import CopiesFleet
from tests.lab.offsite import (
    AS_PULLER,
    COPY,
    FEW,
    LOOK,
    SIZE,
    VOLUME,
    held,
    pull,
    received,
    snapshot,
    snapshots,
    wait_until_half,
    write,
)

pytestmark = pytest.mark.offsite

# The properties of copies that are not mounted, and whose files would have no power if they were.
POWERLESS = "mounted=no mountpoint=none setuid=off exec=off devices=off readonly=on"
SOURCE = "/usr/local/lib/coop-infra/offsite-source"
# Takes the forced command's place: for every `zfs send` of the pull, this sends another stream.
EVIL = f"""\
import os, sys
asked = os.environ["SSH_ORIGINAL_COMMAND"].split()
if asked[:2] == ["zfs", "send"] and "-nvP" not in asked:
    open("/var/tmp/sent", "w").close()
    os.execvp("cat", ["cat", "/var/tmp/stream"])
os.execvp("python3", ["python3", "-I", "{SOURCE}.real", *sys.argv[1:]])
"""


def guids(fleet: CopiesFleet) -> set[str]:
    """The guid of every snapshot in the volume's copy."""
    return set(fleet.offsite.sh(f"zfs list -H -t snapshot -o guid -r {COPY}").split())


def powers(machine: Machine) -> set[str]:
    """What the copies on this machine may do, each combination of properties once."""
    names = [pair.partition("=")[0] for pair in POWERLESS.split()]
    found = machine.sh(
        f"zfs get -Hr -t filesystem -o name,property,value {','.join(names)} offsite"
    )
    by_name: dict[str, dict[str, str]] = {}
    for line in found.splitlines():
        name, key, value = line.split("\t")
        by_name.setdefault(name, {})[key] = value
    copies = [values for name, values in by_name.items() if name.startswith("offsite/storage/")]
    return {" ".join(f"{name}={values[name]}" for name in names) for values in copies}


@pytest.mark.parametrize(
    ("dataset", "since"), [("storage/evil", "-I @{head}"), ("storage/staging/evil", "")]
)
def test_a_hostile_source_destroys_nothing_and_gains_nothing(
    quiet: CopiesFleet, dataset: str, since: str
) -> None:
    """The source sends deletions, properties and SUID files, into a copy or as a new dataset."""
    older, head = snapshot(quiet), snapshot(quiet)
    pull(quiet)
    before, passwd = guids(quiet), quiet.offsite.sh("cat /etc/passwd")
    assert {older, head} <= held(quiet)
    powers_wanted = ("setuid=on", "exec=on", "devices=on", "readonly=off", "mountpoint=/etc")
    options = " ".join(f"-o {each}" for each in powers_wanted)
    quiet.storage.sh(f"zfs send -R {VOLUME}@{head} | zfs receive -u {options} {dataset}")
    quiet.storage.sh(f"zfs destroy {dataset}@{older}; mount -t zfs -o zfsutil {dataset} /mnt")
    quiet.storage.sh("cp /bin/sh /mnt/root; chmod 4755 /mnt/root; touch /mnt/passwd; umount /mnt")
    quiet.storage.sh(f"zfs snapshot {dataset}@evil; zfs snapshot {VOLUME}@next")
    quiet.storage.sh(
        f"zfs send -R -p {since.format(head=head)} {dataset}@evil > /var/tmp/stream;"
        f"chmod 644 /var/tmp/stream; mv {SOURCE} {SOURCE}.real; cat > {SOURCE}",
        EVIL.encode(),
    )
    quiet.offsite.try_sh("systemctl start coop-offsite.service", timeout=600)
    quiet.storage.sh("ls /var/tmp/sent")
    assert "@evil" in quiet.offsite.sh("zfs list -H -t snapshot -o name -r offsite")
    for _ in range(2):
        assert before <= guids(quiet)
        assert {older, head} <= held(quiet)
        assert powers(quiet.offsite) == {POWERLESS}
        assert quiet.offsite.sh("cat /etc/passwd") == passwd
        quiet.offsite.reboot()


def token(machine: Machine, snapshot: str, name: str) -> str:
    """Receive a part of the snapshot as storage/`name`; returns the token for the rest."""
    machine.try_sh(f"zfs send {snapshot} | head -c 1000000 | zfs receive -s -u storage/{name}")
    return machine.sh(f"zfs get -H -o value receive_resume_token storage/{name}")


def test_a_token_opens_no_other_dataset(quiet: CopiesFleet) -> None:
    quiet.storage.sh("zfs create storage/secret; head -c 3M /dev/urandom > /storage/secret/file")
    quiet.storage.sh("zfs snapshot storage/secret@a")
    write(quiet, "large", 3 * 2**20)
    allowed = token(quiet.storage, f"{VOLUME}@{snapshot(quiet)}", "half")
    forged = token(quiet.storage, "storage/secret@a", "other")
    sent = quiet.offsite.sh(f"{AS_PULLER} zfs send -e -t {allowed} | wc -c")
    assert int(sent) > 1_000_000
    for command in (f"zfs send -e -t {forged}", f"zfs send -e -nvP -t {forged}"):
        tried = quiet.offsite.try_sh(f"{AS_PULLER} {shlex.quote(command)}")
        assert (tried.returncode, tried.stdout) == (1, b""), tried
        assert b"refused" in tried.stderr


def test_a_token_whose_snapshot_is_gone_is_given_up(quiet: CopiesFleet) -> None:
    quiet.storage.sh(f"sed -i -e {FEW} /etc/sanoid/sanoid.conf")
    snapshot(quiet)
    pull(quiet)
    head = snapshots(quiet.offsite, COPY)[-1]
    write(quiet, "large", SIZE)
    half = snapshot(quiet)
    start = received(quiet)
    quiet.offsite.sh("systemctl start --no-block coop-offsite.service")
    wait_until_half(quiet, start)
    quiet.offsite.sh("systemctl stop coop-offsite.service")
    assert quiet.offsite.sh(f"zfs get -H -o value receive_resume_token {COPY}") != "-"
    snapshot(quiet, "+30 days")
    snapshot(quiet)
    newest = snapshot(quiet)
    assert not {head, half}.intersection(snapshots(quiet.storage, VOLUME))
    with pytest.raises(CommandFailed, match="is given up now"):
        pull(quiet)
    pull(quiet)
    assert snapshots(quiet.offsite, COPY)[-1] == newest
    assert head in held(quiet)


def test_a_dataset_that_is_destroyed_is_kept_and_told(quiet: CopiesFleet) -> None:
    newest = snapshot(quiet)
    pull(quiet)
    before = guids(quiet)
    quiet.staging.sh("systemctl stop coop-storage-retry.timer media-storage.mount")
    quiet.storage.sh(f"exportfs -ua; zfs destroy -r {VOLUME}")
    # Longer than any snapshot of it would be kept.
    for later in ("now", "+60 days", "+400 days"):
        for each in (quiet.storage, quiet.offsite):
            each.sh(f"date -s '{later}' > /dev/null")
        quiet.offsite.try_sh("systemctl start coop-offsite.service", timeout=300)
        quiet.offsite.try_sh("systemctl start sanoid-prune.service", timeout=300)
        assert before == guids(quiet)
        assert newest in held(quiet)
        look = quiet.offsite.try_sh(LOOK)
        assert look.returncode == 1
        assert f"{VOLUME}: source: no snapshot" in json.loads(look.stdout)["problems"]


def test_a_full_pool_loses_nothing_and_says_so(quiet: CopiesFleet) -> None:
    first = snapshot(quiet)
    pull(quiet)
    free = int(quiet.offsite.sh("zfs get -Hp -o value available offsite"))
    quiet.offsite.sh(f"zfs create -o refreservation={free - 2**23} offsite/fill")
    quiet.storage.sh(f"sed -i -e {FEW} /etc/sanoid/sanoid.conf")
    write(quiet, "large", SIZE)
    snapshot(quiet)
    with pytest.raises(CommandFailed, match="out of space"):
        pull(quiet)
    assert first in held(quiet)
    # The server goes on pruning, and does not wait for the copies.
    snapshot(quiet, "+30 days")
    newest = snapshot(quiet)
    assert first not in snapshots(quiet.storage, VOLUME)
    quiet.offsite.sh("zfs destroy offsite/fill")
    with pytest.raises(CommandFailed, match="is given up now"):
        pull(quiet)
    pull(quiet)
    assert snapshots(quiet.offsite, COPY)[-1] == newest
    assert first in held(quiet)


def test_a_clock_that_is_wrong_ends_no_hold(quiet: CopiesFleet) -> None:
    first = snapshot(quiet)
    pull(quiet)
    quiet.offsite.sh("date -s '+900 days' > /dev/null")
    quiet.offsite.try_sh("systemctl start sanoid-prune.service", timeout=300)
    second = snapshot(quiet)
    pull(quiet)
    quiet.offsite.try_sh("systemctl start sanoid-prune.service", timeout=300)
    assert {first, second} <= held(quiet)


def test_a_source_that_is_ahead_is_told(quiet: CopiesFleet) -> None:
    first = snapshot(quiet)
    pull(quiet)
    second = snapshot(quiet, "+900 days")
    pull(quiet)
    assert {first, second} <= held(quiet)
    problems = json.loads(quiet.offsite.try_sh(LOOK).stdout)["problems"]
    ahead = [each for each in problems if VOLUME in each and ": drill: " not in each]
    assert len(ahead) == 2 and all("whose clock is wrong?" in each for each in ahead)


@pytest.mark.parametrize("day", ["2028-03-12 05:30", "2028-11-05 04:30"])
def test_daylight_saving_skips_no_hour_and_doubles_none(quiet: CopiesFleet, day: str) -> None:
    """Clocks in Toronto go forward at 07:00 UTC, and back at 06:00."""
    for each in (quiet.storage, quiet.offsite):
        each.sh(f"timedatectl set-timezone America/Toronto; date -u -s '{day}' > /dev/null")
    for _ in range(4):
        snapshot(quiet, "+1 hour")
    quiet.offsite.sh("date -s '+4 hours' > /dev/null")
    pull(quiet)
    hourly = [name for name in snapshots(quiet.offsite, COPY) if name.endswith("hourly")]
    assert len(hourly) == 4
    assert snapshots(quiet.offsite, COPY) == snapshots(quiet.storage, VOLUME)
    assert set(hourly) <= held(quiet)
    problems = json.loads(quiet.offsite.try_sh(LOOK).stdout)["problems"]
    assert [it for it in problems if VOLUME in it and ": drill: " not in it] == []
