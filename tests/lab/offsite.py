"""What the tests of the copies off-site have in common."""

from lab.command import wait_for
from lab.machines import Machine
from tests.lab.fleets import CopiesPair, finish

VOLUME = "storage/staging/vision-stg1"
COPY = f"offsite/{VOLUME}"
AS_PULLER = "runuser -u coop-pull -- ssh storage1"
LOOK = "python3 -I /usr/local/lib/coop-infra/offsite-status /etc/coop-infra/offsite.json --look"
METRICS = "/var/lib/coop-infra/metrics/coop-offsite.prom"
SIZE = 48 * 2**20
# WireGuard and TCP add under 6 % to what is sent, at an MTU of 1420.
OVERHEAD = 1.06
# Arguments of sed that change sanoid's configuration: sanoid then keeps little and prunes soon.
FEW = "'s/^hourly = .*/hourly = 2/' -e 's/^daily = .*/daily = 1/'"


def write(fleet: CopiesPair, name: str, size: int) -> None:
    """Write a file of random bytes into the volume."""
    fleet.storage.sh(f"head -c {size} /dev/urandom > /{VOLUME}/{name}; sync")


def snapshot(fleet: CopiesPair, later: str = "+61 minutes") -> str:
    """Set the server's clock, and let sanoid take snapshots and prune; returns the newest one."""
    fleet.storage.sh(f"date -s '{later}' > /dev/null; systemctl start sanoid.service")
    fleet.storage.sh("systemctl start sanoid-prune.service")
    return snapshots(fleet.storage, VOLUME)[-1]


def snapshots(machine: Machine, dataset: str) -> list[str]:
    """The snapshots' names after the @, the oldest first; none if there is no such dataset."""
    command = f"zfs list -H -d 1 -t snapshot -o name -s createtxg {dataset}"
    found = machine.try_sh(command).stdout.decode().split()
    return [name.partition("@")[2] for name in found]


def pull(fleet: CopiesPair) -> None:
    """Run a pull. Raises CommandFailed with the unit's log."""
    finish(fleet.offsite, "coop-offsite", 600)


def received(fleet: CopiesPair) -> int:
    """The bytes that the host of the copies has got by the tunnel since the tunnel is up."""
    text = fleet.offsite.sh("wg show wg0 transfer")
    return sum(int(line.split()[1]) for line in text.splitlines())


def held(fleet: CopiesPair) -> set[str]:
    """The snapshots of the copy that have a hold."""
    names = " ".join(f"{COPY}@{name}" for name in snapshots(fleet.offsite, COPY))
    found = fleet.offsite.sh(f"zfs holds -H {names}")
    return {line.split("\t")[0].partition("@")[2] for line in found.splitlines()}


def is_running(fleet: CopiesPair) -> bool:
    state = fleet.offsite.sh("systemctl show -p ActiveState --value coop-offsite.service")
    return state == "activating"


def pull_half(fleet: CopiesPair) -> None:
    """Begin a pull of a file of SIZE, and come back when half has come and no more can.

    The kernel cuts the link by its own count: on a busy machine a command would come too late.
    """
    start = received(fleet)
    fleet.offsite.sh(
        "nft 'table inet cut { chain in { type filter hook input priority -300; "
        f"udp dport 51820 quota over {SIZE // 2} bytes drop; }}; }}'"
    )
    fleet.offsite.sh("systemctl start --no-block coop-offsite.service")
    # WireGuard counts a little less than the kernel.
    wait_for(lambda: received(fleet) - start > SIZE * 0.4, "half of it is here", 300)


def mend_link(fleet: CopiesPair) -> None:
    """Let everything through again, after `pull_half`."""
    fleet.offsite.sh("nft delete table inet cut")
    wait_for(
        lambda: fleet.offsite.try_sh(f"{AS_PULLER} list").returncode == 0, "the link is back", 120
    )
