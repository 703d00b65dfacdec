"""Drills restore good copies, leave production alone, and find what is wrong with a copy."""

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet.derived.datasets import dataset_name
from fleet.load import load
from lab import board
from lab.command import CommandFailed
from lab.machines import ALONE, INVENTORY, Machine, pyinfra, together
from tests.lab.fleets import VPN_KEYS, CopiesFleet, edit, finish
from tests.lab.offsite import LOOK, METRICS, pull, snapshots
from tests.lab.pages import block

pytestmark = pytest.mark.drill

PLAIN, ENCRYPTED = "storage/staging/vision-stg1", "storage/prod/vision-prod1"
EVIDENCE = "/var/lib/coop-drill/evidence.json"


def pulled(fleet: CopiesFleet) -> None:
    """Take a snapshot of each dataset, with its manifest, and pull both.

    The clocks go on first: sanoid takes one snapshot an hour.
    """
    for each in (fleet.storage, fleet.offsite):
        each.sh("date -s '+61 minutes' > /dev/null")
    fleet.storage.sh("systemctl start sanoid.service; systemctl start coop-manifest.service")
    pull(fleet)


def drill(fleet: CopiesFleet) -> None:
    """Run a drill. Raises CommandFailed with the unit's log."""
    finish(fleet.offsite, "coop-drill", 900)


def evidence(fleet: CopiesFleet) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(fleet.offsite.sh(f"cat {EVIDENCE}"))
    return found


def volumes() -> list[str]:
    """The datasets of all hosts that have one, of those without a run too."""
    fleet = load(Path(INVENTORY))
    return [dataset_name(fleet, it) for it in fleet.hosts_with_volume()]


def production(fleet: CopiesFleet) -> str:
    """What a drill must leave as it is."""
    guids = "zfs list -H -t all -o name,guid -r storage; exportfs -s"
    return fleet.storage.sh(guids) + fleet.offsite.sh("zfs list -H -t all -o name,guid -r offsite")


def test_both_boards_are_restored_and_used(quiet: CopiesFleet) -> None:
    for client in quiet.boards:
        board.upload(client, "vision.bin", b"seen" * 1000)
    pulled(quiet)
    before = production(quiet)
    quiet.offsite.sh("mkdir -m 700 /run/coop-drill-keys/no-longer-declared1")
    done = pyinfra("restore_drill.py", "-y", "--limit", "offsite")
    assert done.returncode == 0, done.stderr[-4000:]
    assert quiet.offsite.sh("ls /run/coop-drill-keys") == "vision-prod1"
    # Those of hosts that had no run yet are empty.
    assert done.stderr.count("restored from autosnap_") == len(volumes())
    assert production(quiet) == before
    for name in (PLAIN, ENCRYPTED):
        last = evidence(quiet)[name]
        assert last["problem"] is None and last["proven"] == last["at"]
        assert int(str(last["files"])) >= 2 and int(str(last["bytes"])) > 4000
    # Nothing is left of the drill.
    mounted = quiet.offsite.sh("cat /proc/mounts")
    assert not [it for it in ("@autosnap", "/media/", "/run/php") if it in mounted]
    assert quiet.offsite.try_sh("pgrep -x 'nginx|gocryptfs|php-fpm.*'").returncode == 1
    look = json.loads(quiet.offsite.try_sh(LOOK).stdout)
    assert not [problem for problem in look["problems"] if "drill" in problem]
    quiet.offsite.try_sh("systemctl start coop-offsite-status.service")
    metrics = quiet.offsite.sh(f"cat {METRICS}")
    proofs = re.findall(r"^coop_copy_last_proof_timestamp_seconds\{.*\} (\d+)$", metrics, re.M)
    assert len(proofs) == len(volumes()) and "0" not in proofs
    expired = f'coop_copy_problem{{dataset="{ENCRYPTED}",kind="drill_old"}}'
    assert f"{expired} 0\n" in metrics
    # A proof counts for eight days.
    quiet.offsite.sh("date -s '+9 days' > /dev/null")
    assert quiet.offsite.try_sh("systemctl start coop-offsite-status.service").returncode != 0
    said = quiet.offsite.sh("journalctl -u coop-offsite-status -n 20 --no-pager")
    assert f"{ENCRYPTED}: drill: the last is 9 days ago, and counts for 8" in said
    assert f"{expired} 1\n" in quiet.offsite.sh(f"cat {METRICS}")
    with pytest.raises(CommandFailed, match="s old, and may be 7200"):
        drill(quiet)


def test_what_is_wrong_with_a_copy_is_found(quiet: CopiesFleet) -> None:
    for client in quiet.boards:
        board.upload(client, "vision.bin", b"seen" * 1000)
    pulled(quiet)
    drill(quiet)
    manifest = quiet.offsite.sh(f"ls /var/lib/coop-offsite/manifests/{PLAIN}/*.gz")
    quiet.offsite.sh(f"cp {manifest} /root/good")
    quiet.offsite.sh(f"zcat /root/good | tr 0 1 | gzip > {manifest}")
    with pytest.raises(CommandFailed, match=f"{PLAIN}: NOT restored: .*manifest"):
        drill(quiet)
    quiet.offsite.sh(f"cp /root/good {manifest}; mv /run/coop-drill-keys/vision-prod1 /root/")
    with pytest.raises(CommandFailed, match=f"{ENCRYPTED}: NOT restored: its escrowed key"):
        drill(quiet)
    quiet.offsite.sh("mv /root/vision-prod1 /run/coop-drill-keys/")
    proven = evidence(quiet)[ENCRYPTED]["proven"]
    for name in (PLAIN, ENCRYPTED):
        flip(quiet.offsite, f"offsite/{name}")
    with pytest.raises(CommandFailed, match=f"{ENCRYPTED}: NOT restored: line"):
        drill(quiet)
    last = evidence(quiet)
    assert "of the manifest says" in str(last[PLAIN]["problem"])
    assert last[ENCRYPTED]["proven"] == proven
    audit = pyinfra("audit.py", "-y", "--limit", "offsite1")
    assert (
        audit.returncode != 0 and f"copies: {ENCRYPTED}: drill: line" in audit.stderr + audit.stdout
    )


def flip(keeper: Machine, dataset: str) -> None:
    """Change four bytes of the largest file, in a new snapshot of the same name.

    The new snapshot has another guid and time. The manifest's head gets both, so that only the
    bytes are left to find.
    """
    snapshot = keeper.sh(f"zfs list -H -d 1 -t snapshot -o name -s createtxg {dataset} | tail -1")
    name = snapshot.partition("@")[2]
    keeper.sh(
        f"zfs release -r coop-offsite {snapshot}; zfs destroy -r offsite/spoilt; "
        f"set -e; zfs send {snapshot} | zfs receive -u offsite/spoilt; "
        "mount -t zfs -o zfsutil offsite/spoilt /mnt; "
        "file=$(find /mnt -type f -size +1k | xargs ls -S | head -n 1); "
        'printf XXXX | dd of="$file" bs=1 seek=300 conv=notrunc 2> /dev/null; umount /mnt; '
        f"zfs destroy offsite/spoilt@{name}; zfs snapshot offsite/spoilt@{name}; "
        f"old=$(zfs get -Hp -o value guid {snapshot}); "
        f"new=$(zfs get -Hp -o value guid offsite/spoilt@{name}); "
        f"zfs rename {dataset} {dataset}-good; zfs rename offsite/spoilt {dataset}; "
        f"file=/var/lib/coop-offsite/manifests/{dataset.removeprefix('offsite/')}/{name}.gz; "
        'created=$(zcat "$file" | head -n 1 | grep -o \'"created": [0-9]*\'); '
        f"now=$(zfs get -Hp -o value creation {dataset}@{name}); "
        'zcat "$file" | sed -e "1s/$old/$new/" -e "1s/$created/\\"created\\": $now/" | '
        'gzip > /root/m; cat /root/m > "$file"',
        timeout=300,
    )


def test_a_file_comes_back_as_the_page_says(quiet: CopiesFleet) -> None:
    names = [board.upload(each, "vision.bin", each.name.encode()) for each in quiet.boards]
    pulled(quiet)
    for each, volume, name in zip(quiet.boards, (PLAIN, ENCRYPTED), names, strict=True):
        words = {"VOLUME": volume.removeprefix("storage/"), "HOST": each.name}
        words["SNAPSHOT"] = snapshots(quiet.storage, volume)[-1]
        find = f"find /mnt -name '{name}' -exec cat {{}} +"
        quiet.offsite.sh(page("mkdir -p /mnt/copy", words))
        if volume == PLAIN:
            there = quiet.storage.sh(page(".zfs/snapshot", words)).splitlines()[-1]
            assert there == quiet.offsite.sh("ls /mnt/copy")
            assert quiet.offsite.sh(find) == each.name
        else:
            assert quiet.offsite.sh(find) == ""
            quiet.offsite.sh(page("mkdir -p /mnt/plain", words))
            assert quiet.offsite.sh(find) == each.name
            quiet.offsite.sh("umount /mnt/plain")
        quiet.offsite.sh("umount /mnt/copy")


def at_home(fleet: CopiesFleet, command: str) -> None:
    """Run a command on the operator's machine, with the lab's way to log in."""
    for each in (fleet.offsite, fleet.storage):
        login = shlex.join([*ALONE, f"vagrant@{each.address}"])
        command = command.replace(f"ssh {each.name}", login)
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], check=True, timeout=900)


def page(words: str, names: dict[str, str]) -> str:
    """The block of docs/restore.md with these words; `names` fill in what the block leaves open."""
    text = block("restore", words)
    for open_, name in names.items():
        text = text.replace(open_, name)
    return text


def test_all_but_the_copies_is_lost_and_comes_back(quiet: CopiesFleet) -> None:
    """Follows docs/restore.md, from bare Debian, with the copies and what the operator has."""
    names = {
        client.name: board.upload(client, "vision.bin", client.name.encode() * 1000)
        for client in quiet.boards
    }
    pulled(quiet)
    lost = [quiet.storage, quiet.staging, quiet.prod]
    together(lost, lambda each: each.restore("fresh"))
    start = time.monotonic()
    edit(VPN_KEYS, lambda data: [data["hosts"].pop(each.name) for each in lost])
    first = pyinfra("deploy.py", "-y", "--limit", "storage1")
    assert first.returncode == 0, first.stderr[-4000:]
    at_home(quiet, block("restore", "stop sanoid.timer"))
    send = block("restore", "zfs receive -F")
    for volume in volumes():
        at_home(quiet, send.replace("storage/VOLUME", volume))
    quiet.converge()
    for client in quiet.boards:
        assert board.fetch(client, names[client.name]) == client.name.encode() * 1000
    print(f"back in {time.monotonic() - start:.0f} s", file=sys.__stdout__, flush=True)
    pulled(quiet)
    drill(quiet)
