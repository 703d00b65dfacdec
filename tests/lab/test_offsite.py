"""Copies off-site are pulled, held, and found again, also after a failure of either side."""

import json
from functools import partial

import pytest

from lab import board
from lab.command import wait_for
from lab.machines import pyinfra
from tests.lab.fleets import CopiesFleet, CopiesPair, counts
from tests.lab.offsite import (
    AS_PULLER,
    COPY,
    FEW,
    LOOK,
    OVERHEAD,
    SIZE,
    VOLUME,
    held,
    is_running,
    mend_link,
    pull,
    pull_half,
    received,
    snapshot,
    snapshots,
    write,
)

pytestmark = pytest.mark.offsite


def test_what_is_written_through_the_board_is_in_the_copy(quiet: CopiesFleet) -> None:
    name = board.upload(quiet.staging, "vision.bin", b"seen" * 1000)
    newest = snapshot(quiet)
    pull(quiet)
    assert snapshots(quiet.offsite, COPY)[-1] == newest
    assert newest in held(quiet)
    quiet.offsite.sh(
        f"zfs clone -o readonly=on -o mountpoint=/run/look {COPY}@{newest} offsite/look"
    )
    found = quiet.offsite.sh(f"cat /run/look/persistent_*/{name}")
    assert found == "seen" * 1000


def test_odd_names_keep_nothing_else_back(quiet: CopiesFleet) -> None:
    newest = snapshot(quiet)
    for name in ("Old Files", "www:old"):
        quiet.storage.sh(f"zfs create 'storage/staging/{name}'")
        quiet.storage.sh(f"zfs snapshot 'storage/staging/{name}@by-hand'")
    quiet.storage.sh(f"zfs snapshot '{VOLUME}@before upgrade'")
    pull(quiet)
    assert newest in snapshots(quiet.offsite, COPY)
    assert quiet.offsite.sh(f"zfs get -H -o value userrefs '{COPY}@before upgrade'") == "1"
    said = quiet.offsite.sh("journalctl -u coop-offsite.service -n 50 -o cat")
    for name in ("Old Files", "www:old"):
        assert f"'storage/staging/{name}': not pulled" in said


def test_it_goes_on_by_itself(copies: CopiesFleet) -> None:
    def is_due(timer: str) -> bool:
        """While what a timer starts is at work, the timer is not due."""
        due = copies.offsite.sh("systemctl list-timers --no-legend")
        (line,) = [line for line in due.splitlines() if timer in line]
        return not line.startswith("- ")

    for timer in ("coop-offsite.timer", "coop-offsite-status.timer", "sanoid.timer"):
        wait_for(partial(is_due, timer), f"{timer} is due", 120)
    # sanoid takes no snapshots on this host.
    copies.offsite.sh("systemctl start sanoid.service")
    assert copies.offsite.sh("zfs list -H -t snapshot -o name") == ""
    again = pyinfra("deploy.py", "-y", *copies.limit())
    assert (again.returncode, counts(again.stderr)[:2]) == (0, (0, 0)), again.stderr[-4000:]


def test_a_link_that_is_cut_half_way_is_gone_on_with(pair: CopiesPair) -> None:
    write(pair, "large", SIZE)
    newest = snapshot(pair)
    start = received(pair)
    pull_half(pair)
    wait_for(lambda: not is_running(pair), "the pull notices", 180)
    assert pair.offsite.sh(f"zfs get -H -o value receive_resume_token {COPY}") != "-"
    mend_link(pair)
    pull(pair)
    assert snapshots(pair.offsite, COPY)[-1] == newest
    assert received(pair) - start < SIZE * 1.1 * OVERHEAD


def test_a_reset_before_what_has_arrived_is_held(pair: CopiesPair) -> None:
    first = snapshot(pair)
    # Until the next boot, nothing happens that should come after a receive.
    pair.offsite.sh(NO_HOLD)
    pull(pair)
    assert held(pair) == set()
    pair.offsite.reset()
    pair.offsite.wait_until_up()
    pair.offsite.sh("systemctl stop sanoid.timer 'coop-offsite*.timer'")
    write(pair, "more", 4096)
    second = snapshot(pair)
    pull(pair)
    assert {first, second} <= held(pair)


NO_HOLD = """\
mkdir -p /run/systemd/system/coop-offsite.service.d
printf '[Service]\\nExecStopPost=\\n' > /run/systemd/system/coop-offsite.service.d/no-hold.conf
systemctl daemon-reload"""


def test_thirty_days_without_a_pull_are_still_incremental(pair: CopiesPair) -> None:
    """The server has pruned all snapshots that both sides had, except for an older one."""
    pair.storage.sh(f"sed -i -e {FEW} /etc/sanoid/sanoid.conf; zfs snapshot {VOLUME}@by-hand")
    write(pair, "large", SIZE)
    snapshot(pair)
    pull(pair)
    head = snapshots(pair.offsite, COPY)[-1]
    snapshot(pair, "+30 days")
    snapshot(pair)
    newest = snapshot(pair)
    left = snapshots(pair.storage, VOLUME)
    assert head not in left and "by-hand" in left
    start = received(pair)
    pull(pair)
    assert snapshots(pair.offsite, COPY)[-1] == newest
    assert received(pair) - start < SIZE // 10
    # The copy still has the old ones.
    assert {head, "by-hand"} <= held(pair)


def test_a_stolen_key_pulls_and_does_nothing_else(pair: CopiesPair) -> None:
    newest = snapshot(pair)
    before = pair.storage.sh("zfs list -H -t all -o name -r storage; zfs get -H all storage")
    for command in (
        "",
        "id",
        f"zfs destroy {VOLUME}@{newest}",
        f"zfs rollback -r {VOLUME}@{newest}",
        f"zfs send -R {VOLUME}@{newest}",
        "zfs send storage/secret@a",
        f"zfs set mountpoint=/etc {VOLUME}",
        "cat /etc/shadow",
    ):
        tried = pair.offsite.try_sh(f"{AS_PULLER} '{command}' < /dev/null")
        assert tried.returncode != 0, command
        assert b"refused" in tried.stderr, (command, tried)
    forward = pair.offsite.try_sh(
        "timeout 20 runuser -u coop-pull -- ssh -N -o ExitOnForwardFailure=yes "
        "-R 9999:localhost:22 storage1"
    )
    assert forward.returncode == 255, forward
    log = pair.storage.sh("journalctl -t offsite-source --no-pager; journalctl -n 400 --no-pager")
    assert "refused, from 10.66.0.12: 'cat /etc/shadow'" in log
    after = pair.storage.sh("zfs list -H -t all -o name -r storage; zfs get -H all storage")
    assert after == before


def test_a_copy_that_is_too_old_is_told(pair: CopiesPair) -> None:
    look = pair.offsite.try_sh(LOOK)
    assert look.returncode == 1
    assert f"{VOLUME}: offsite: no snapshot" in json.loads(look.stdout)["problems"]
    snapshot(pair, "now")
    pull(pair)
    problems = json.loads(pair.offsite.try_sh(LOOK).stdout)["problems"]
    # Another part tests drills.
    assert [it for it in problems if VOLUME in it and ": drill: " not in it] == []
    pair.offsite.sh("date -s '+3 hours' > /dev/null")
    assert pair.offsite.try_sh("systemctl start coop-offsite-status.service").returncode != 0
    said = pair.offsite.sh("journalctl -u coop-offsite-status --no-pager -n 20")
    assert f"{VOLUME}: offsite: the newest snapshot is" in said
    audit = pyinfra("audit.py", "-y", "--limit", "offsite1")
    assert audit.returncode != 0
    assert f"copies: {VOLUME}: offsite: the newest snapshot is" in audit.stdout + audit.stderr
