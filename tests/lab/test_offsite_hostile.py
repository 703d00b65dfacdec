"""Copies off-site outlive a storage server in the wrong hands, and bad luck."""

import json
import shlex

import pytest

from lab.command import CommandFailed
from lab.machines import Machine, pyinfra
from tests.lab.fleets import CopiesFleet, CopiesPair
from tests.lab.offsite import (
    AS_PULLER,
    COPY,
    FEW,
    LOOK,
    SIZE,
    VOLUME,
    held,
    mend_link,
    pull,
    pull_half,
    snapshot,
    snapshots,
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


def guids(fleet: CopiesPair) -> set[str]:
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
    pair: CopiesPair, dataset: str, since: str
) -> None:
    """The source sends deletions, properties and SUID files, into a copy or as a new dataset."""
    older, head = snapshot(pair), snapshot(pair)
    pull(pair)
    before, passwd = guids(pair), pair.offsite.sh("cat /etc/passwd")
    assert {older, head} <= held(pair)
    powers_wanted = ("setuid=on", "exec=on", "devices=on", "readonly=off", "mountpoint=/etc")
    options = " ".join(f"-o {each}" for each in powers_wanted)
    pair.storage.sh(f"zfs send -R {VOLUME}@{head} | zfs receive -u {options} {dataset}")
    pair.storage.sh(f"zfs destroy {dataset}@{older}; mount -t zfs -o zfsutil {dataset} /mnt")
    pair.storage.sh("cp /bin/sh /mnt/root; chmod 4755 /mnt/root; touch /mnt/passwd; umount /mnt")
    pair.storage.sh(f"zfs snapshot {dataset}@evil; zfs snapshot {VOLUME}@next")
    pair.storage.sh(
        f"zfs send -R -p {since.format(head=head)} {dataset}@evil > /var/tmp/stream;"
        f"chmod 644 /var/tmp/stream; mv {SOURCE} {SOURCE}.real; cat > {SOURCE}",
        EVIL.encode(),
    )
    pair.offsite.try_sh("systemctl start coop-offsite.service", timeout=600)
    pair.storage.sh("ls /var/tmp/sent")
    assert "@evil" in pair.offsite.sh("zfs list -H -t snapshot -o name -r offsite")
    for _ in range(2):
        assert before <= guids(pair)
        assert {older, head} <= held(pair)
        assert powers(pair.offsite) == {POWERLESS}
        assert pair.offsite.sh("cat /etc/passwd") == passwd
        pair.offsite.reboot()


def test_the_account_that_pulls_leads_nothing_of_roots_elsewhere(quiet: CopiesFleet) -> None:
    home, host = "/var/lib/coop-offsite", quiet.offsite
    assert host.sh(f"stat -c %U {home} {home}/id_ed25519").split() == ["coop-pull"] * 2
    host.sh("mkdir -p /root/.ssh; echo '# mine' > /root/.ssh/config")
    host.sh(f"rm -rf {home}/.ssh; runuser -u coop-pull -- ln -s /root/.ssh {home}/.ssh")
    # Whether the run takes the link for a reason to fail does not matter here.
    pyinfra("deploy.py", "-y", "--limit", host.name)
    assert host.sh("cat /root/.ssh/config") == "# mine"
    # What an earlier version has left is root's, and goes.
    host.sh(f"rm {home}/.ssh; mkdir {home}/.ssh; echo 'Port 9' > {home}/.ssh/config")
    quiet.converge()
    assert host.sh(f"ls -A {home}/.ssh") == ""
    new = snapshot(quiet)
    pull(quiet)
    assert new in snapshots(host, COPY)


def test_odd_files_of_the_account_that_pulls_stop_neither_pruning_nor_alarms(
    quiet: CopiesFleet,
) -> None:
    snapshot(quiet)
    pull(quiet)
    odd = "rm -f seen.json stale.json && mkfifo seen.json stale.json"
    quiet.offsite.sh(f"runuser -u coop-pull -- sh -c 'cd /var/lib/coop-offsite && {odd}'")
    quiet.offsite.sh("systemctl start sanoid-prune.service", timeout=120)
    tried = quiet.offsite.try_sh(LOOK, timeout=60)
    problems = " ".join(json.loads(tried.stdout)["problems"])
    assert "seen.json cannot be read" in problems and "stale.json cannot be read" in problems
    # The next pull writes both anew.
    pull(quiet)
    assert "cannot be read" not in quiet.offsite.try_sh(LOOK).stdout.decode()


def token(machine: Machine, snapshot: str, name: str) -> str:
    """Receive a part of the snapshot as storage/`name`; returns the token for the rest."""
    machine.try_sh(f"zfs send {snapshot} | head -c 1000000 | zfs receive -s -u storage/{name}")
    return machine.sh(f"zfs get -H -o value receive_resume_token storage/{name}")


def test_a_token_opens_no_other_dataset(pair: CopiesPair) -> None:
    pair.storage.sh("zfs create storage/secret; head -c 3M /dev/urandom > /storage/secret/file")
    pair.storage.sh("zfs snapshot storage/secret@a")
    write(pair, "large", 3 * 2**20)
    allowed = token(pair.storage, f"{VOLUME}@{snapshot(pair)}", "half")
    forged = token(pair.storage, "storage/secret@a", "other")
    sent = pair.offsite.sh(f"{AS_PULLER} zfs send -e -t {allowed} | wc -c")
    assert int(sent) > 1_000_000
    for command in (f"zfs send -e -t {forged}", f"zfs send -e -nvP -t {forged}"):
        tried = pair.offsite.try_sh(f"{AS_PULLER} {shlex.quote(command)}")
        assert (tried.returncode, tried.stdout) == (1, b""), tried
        assert b"refused" in tried.stderr


def test_a_token_whose_snapshot_is_gone_is_given_up(pair: CopiesPair) -> None:
    pair.storage.sh(f"sed -i -e {FEW} /etc/sanoid/sanoid.conf")
    snapshot(pair)
    pull(pair)
    head = snapshots(pair.offsite, COPY)[-1]
    write(pair, "large", SIZE)
    half = snapshot(pair)
    pull_half(pair)
    pair.offsite.sh("systemctl stop coop-offsite.service")
    mend_link(pair)
    assert pair.offsite.sh(f"zfs get -H -o value receive_resume_token {COPY}") != "-"
    snapshot(pair, "+30 days")
    snapshot(pair)
    newest = snapshot(pair)
    assert not {head, half}.intersection(snapshots(pair.storage, VOLUME))
    with pytest.raises(CommandFailed, match="is given up now"):
        pull(pair)
    pull(pair)
    assert snapshots(pair.offsite, COPY)[-1] == newest
    assert head in held(pair)


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


def test_a_full_pool_loses_nothing_and_says_so(pair: CopiesPair) -> None:
    first = snapshot(pair)
    pull(pair)
    free = int(pair.offsite.sh("zfs get -Hp -o value available offsite"))
    pair.offsite.sh(f"zfs create -o refreservation={free - 2**23} offsite/fill")
    pair.storage.sh(f"sed -i -e {FEW} /etc/sanoid/sanoid.conf")
    write(pair, "large", SIZE)
    snapshot(pair)
    with pytest.raises(CommandFailed, match="out of space"):
        pull(pair)
    assert first in held(pair)
    # The server goes on pruning, and does not wait for the copies.
    snapshot(pair, "+30 days")
    newest = snapshot(pair)
    assert first not in snapshots(pair.storage, VOLUME)
    pair.offsite.sh("zfs destroy offsite/fill")
    with pytest.raises(CommandFailed, match="is given up now"):
        pull(pair)
    pull(pair)
    assert snapshots(pair.offsite, COPY)[-1] == newest
    assert first in held(pair)


def test_a_clock_that_is_wrong_ends_no_hold(pair: CopiesPair) -> None:
    first = snapshot(pair)
    pull(pair)
    pair.offsite.sh("date -s '+900 days' > /dev/null")
    pair.offsite.try_sh("systemctl start sanoid-prune.service", timeout=300)
    second = snapshot(pair)
    pull(pair)
    pair.offsite.try_sh("systemctl start sanoid-prune.service", timeout=300)
    assert {first, second} <= held(pair)


def test_a_source_that_is_ahead_is_told(pair: CopiesPair) -> None:
    first = snapshot(pair)
    pull(pair)
    second = snapshot(pair, "+900 days")
    pull(pair)
    assert {first, second} <= held(pair)
    problems = json.loads(pair.offsite.try_sh(LOOK).stdout)["problems"]
    ahead = [each for each in problems if VOLUME in each and ": drill: " not in each]
    assert len(ahead) == 2 and all("whose clock is wrong?" in each for each in ahead)


@pytest.mark.parametrize("day", ["2028-03-12 05:30", "2028-11-05 04:30"])
def test_daylight_saving_skips_no_hour_and_doubles_none(pair: CopiesPair, day: str) -> None:
    """Clocks in Toronto go forward at 07:00 UTC, and back at 06:00."""
    for each in (pair.storage, pair.offsite):
        each.sh(f"timedatectl set-timezone America/Toronto; date -u -s '{day}' > /dev/null")
    for _ in range(4):
        snapshot(pair, "+1 hour")
    pair.offsite.sh("date -s '+4 hours' > /dev/null")
    pull(pair)
    hourly = [name for name in snapshots(pair.offsite, COPY) if name.endswith("hourly")]
    assert len(hourly) == 4
    assert snapshots(pair.offsite, COPY) == snapshots(pair.storage, VOLUME)
    assert set(hourly) <= held(pair)
    problems = json.loads(pair.offsite.try_sh(LOOK).stdout)["problems"]
    assert [it for it in problems if VOLUME in it and ": drill: " not in it] == []
