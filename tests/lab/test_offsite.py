"""Copies off-site: pulled, held, and found again, whatever happens to either side."""

import json

import pytest

from lab import board
from lab.machines import Machine, pyinfra, wait_for
from tests.lab.fleets import OffsiteFleet, counts

pytestmark = pytest.mark.offsite

VOLUME = "storage/staging/vision-stg1"
COPY = f"offsite/{VOLUME}"
AS_PULLER = "runuser -u coop-pull -- ssh storage1"
SIZE = 48 * 2**20
# What WireGuard and TCP add to what is sent, at an MTU of 1420: under 6 %.
OVERHEAD = 1.06


@pytest.fixture
def quiet(copies: OffsiteFleet) -> OffsiteFleet:
    """The same, and nothing happens by itself."""
    for each in (copies.storage, copies.offsite):
        each.sh("systemctl stop sanoid.timer 'coop-offsite*.timer'")
    return copies


def write(fleet: OffsiteFleet, name: str, size: int) -> None:
    """A file of random bytes in the volume."""
    fleet.storage.sh(f"head -c {size} /dev/urandom > /{VOLUME}/{name}; sync")


def snapshot(fleet: OffsiteFleet, later: str = "+61 minutes") -> str:
    """The newest snapshot after that time, taken by sanoid, which prunes too."""
    fleet.storage.sh(f"date -s '{later}' > /dev/null; systemctl start sanoid.service")
    fleet.storage.sh("systemctl start sanoid-prune.service")
    return snapshots(fleet.storage, VOLUME)[-1]


def snapshots(machine: Machine, dataset: str) -> list[str]:
    """Names without the dataset's, the oldest first; none if there is no such dataset."""
    command = f"zfs list -H -d 1 -t snapshot -o name -s createtxg {dataset}"
    found = machine.try_sh(command).stdout.decode().split()
    return [name.partition("@")[2] for name in found]


def pull(fleet: OffsiteFleet) -> None:
    """Raises CommandFailed with what the unit has said."""
    fleet.offsite.sh(
        "systemctl start coop-offsite.service || "
        "{ journalctl -u coop-offsite -n 30 --no-pager >&2; exit 1; }",
        timeout=600,
    )


def received(fleet: OffsiteFleet) -> int:
    """The bytes that have come by the tunnel since it is up."""
    text = fleet.offsite.sh("wg show wg0 transfer")
    return sum(int(line.split()[1]) for line in text.splitlines())


def held(fleet: OffsiteFleet) -> set[str]:
    """Of the copy, the snapshots that nothing destroys."""
    names = " ".join(f"{COPY}@{name}" for name in snapshots(fleet.offsite, COPY))
    found = fleet.offsite.sh(f"zfs holds -H {names}")
    return {line.split("\t")[0].partition("@")[2] for line in found.splitlines()}


def test_what_is_written_through_the_board_is_in_the_copy(quiet: OffsiteFleet) -> None:
    name = board.upload(quiet.client, "vision.bin", b"seen" * 1000)
    newest = snapshot(quiet)
    pull(quiet)
    assert snapshots(quiet.offsite, COPY)[-1] == newest
    assert newest in held(quiet)
    quiet.offsite.sh(
        f"zfs clone -o readonly=on -o mountpoint=/run/look {COPY}@{newest} offsite/look"
    )
    found = quiet.offsite.sh(f"cat /run/look/persistent_*/{name}")
    assert found == "seen" * 1000


def test_it_goes_on_by_itself(copies: OffsiteFleet) -> None:
    due = copies.offsite.sh("systemctl list-timers --no-legend")
    for timer in ("coop-offsite.timer", "coop-offsite-status.timer", "sanoid.timer"):
        (line,) = [line for line in due.splitlines() if timer in line]
        assert not line.startswith("- "), f"never due: {line}"
    # sanoid takes none here.
    copies.offsite.sh("systemctl start sanoid.service")
    assert copies.offsite.sh("zfs list -H -t snapshot -o name") == ""
    # And the next run changes nothing.
    again = pyinfra("deploy.py", "-y", *copies.limit())
    assert (again.returncode, counts(again.stderr)[:2]) == (0, (0, 0)), again.stderr[-4000:]


def test_a_link_that_is_cut_half_way_is_gone_on_with(quiet: OffsiteFleet) -> None:
    write(quiet, "large", SIZE)
    newest = snapshot(quiet)
    start = received(quiet)
    quiet.offsite.sh("systemctl start --no-block coop-offsite.service")
    wait_for(lambda: received(quiet) - start > SIZE // 2, "half of it is here", 300)
    quiet.offsite.sh(
        "nft 'table inet cut { chain in { type filter hook input priority -300; "
        "udp dport 51820 drop; }; }'"
    )
    wait_for(lambda: not is_running(quiet), "the pull notices", 180)
    assert quiet.offsite.sh(f"zfs get -H -o value receive_resume_token {COPY}") != "-"
    quiet.offsite.sh("nft delete table inet cut")
    wait_for(
        lambda: quiet.offsite.try_sh(f"{AS_PULLER} list").returncode == 0, "the link is back", 120
    )
    pull(quiet)
    assert snapshots(quiet.offsite, COPY)[-1] == newest
    assert received(quiet) - start < SIZE * 1.1 * OVERHEAD


def is_running(fleet: OffsiteFleet) -> bool:
    state = fleet.offsite.sh("systemctl show -p ActiveState --value coop-offsite.service")
    return state == "activating"


def test_a_reset_before_what_has_arrived_is_held(quiet: OffsiteFleet) -> None:
    first = snapshot(quiet)
    # Nothing of what comes after a receive, until the next boot.
    quiet.offsite.sh(NO_HOLD)
    pull(quiet)
    assert held(quiet) == set()
    quiet.offsite.reset()
    quiet.offsite.wait_until_up()
    quiet.offsite.sh("systemctl stop sanoid.timer 'coop-offsite*.timer'")
    write(quiet, "more", 4096)
    second = snapshot(quiet)
    pull(quiet)
    assert {first, second} <= held(quiet)


NO_HOLD = """\
mkdir -p /run/systemd/system/coop-offsite.service.d
printf '[Service]\\nExecStopPost=\\n' > /run/systemd/system/coop-offsite.service.d/no-hold.conf
systemctl daemon-reload"""


def test_thirty_days_without_a_pull_are_still_incremental(quiet: OffsiteFleet) -> None:
    """The server has pruned all that the two had in common, but for an older one."""
    quiet.storage.sh(f"sed -i -e {FEW} /etc/sanoid/sanoid.conf; zfs snapshot {VOLUME}@by-hand")
    write(quiet, "large", SIZE)
    snapshot(quiet)
    pull(quiet)
    head = snapshots(quiet.offsite, COPY)[-1]
    snapshot(quiet, "+30 days")
    snapshot(quiet)
    newest = snapshot(quiet)
    left = snapshots(quiet.storage, VOLUME)
    assert head not in left and "by-hand" in left
    start = received(quiet)
    pull(quiet)
    assert snapshots(quiet.offsite, COPY)[-1] == newest
    assert received(quiet) - start < SIZE // 10
    # And the old ones are still here.
    assert {head, "by-hand"} <= held(quiet)


FEW = "'s/^hourly = .*/hourly = 2/' -e 's/^daily = .*/daily = 1/'"


def test_a_stolen_key_pulls_and_does_nothing_else(quiet: OffsiteFleet) -> None:
    newest = snapshot(quiet)
    before = quiet.storage.sh("zfs list -H -t all -o name -r storage; zfs get -H all storage")
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
        tried = quiet.offsite.try_sh(f"{AS_PULLER} '{command}' < /dev/null")
        assert tried.returncode != 0, command
        assert b"refused" in tried.stderr, (command, tried)
    forward = quiet.offsite.try_sh(
        "timeout 20 runuser -u coop-pull -- ssh -N -o ExitOnForwardFailure=yes "
        "-R 9999:localhost:22 storage1"
    )
    assert forward.returncode == 255, forward
    log = quiet.storage.sh("journalctl -t offsite-source --no-pager; journalctl -n 400 --no-pager")
    assert "refused, from 10.66.0.12: 'cat /etc/shadow'" in log
    after = quiet.storage.sh("zfs list -H -t all -o name -r storage; zfs get -H all storage")
    assert after == before


def test_a_copy_that_is_too_old_is_told(quiet: OffsiteFleet) -> None:
    look = quiet.offsite.try_sh(LOOK)
    assert look.returncode == 1
    assert f"{VOLUME}: offsite: no snapshot" in json.loads(look.stdout)["problems"]
    snapshot(quiet, "now")
    pull(quiet)
    assert VOLUME not in str(json.loads(quiet.offsite.try_sh(LOOK).stdout)["problems"])
    quiet.offsite.sh("date -s '+3 hours' > /dev/null")
    assert quiet.offsite.try_sh("systemctl start coop-offsite-status.service").returncode != 0
    said = quiet.offsite.sh("journalctl -u coop-offsite-status --no-pager -n 20")
    assert f"{VOLUME}: offsite: the newest snapshot is" in said
    audit = pyinfra("audit.py", "-y", "--limit", "offsite1")
    assert audit.returncode != 0
    assert f"copies: {VOLUME}: offsite: the newest snapshot is" in audit.stdout + audit.stderr


LOOK = "python3 -I /usr/local/lib/coop-infra/offsite-status /etc/coop-infra/offsite.json --look"
