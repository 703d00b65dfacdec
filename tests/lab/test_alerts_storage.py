"""Alerts of storage, clients and boards by their real causes, on kernels of their own."""

from functools import partial

import pytest

from lab.command import wait_for, wait_until_none
from tests.lab.fleets import MonitoredStorage, stored_key
from tests.lab.mails import HYPHA, MEET, Mails
from tests.lab.test_alerts import Cause, left
from tests.lab.test_monitor import OVER_SECONDS, all_are_up, firing, value, wait_until_quiet

pytestmark = pytest.mark.monitoring

WG0 = "wg set wg0 peer"
FILL = "fallocate -l $(($(df --output=avail -B1 / | tail -n 1) * 97 / 100)) /full"

# Each of its own: none is what another one's cause brings about.
APART = (
    Cause("PoolNotWhole", "storage1", "zpool offline storage virtio-spare2",
          "zpool online storage virtio-spare2", urgent=True),
    Cause("ExportMissing", "storage1", "exportfs -u 10.66.0.21:/storage/staging/vision-stg1",
          "exportfs -ra", urgent=True),
    Cause("VolumeNearlyFull", "storage1",
          "zfs set quota=$(($(zfs get -Hp -o value used storage/prod/vision-prod1) + 1000000)) "
          "storage/prod/vision-prod1", "zfs set quota=500M storage/prod/vision-prod1", waits=True),
    Cause("KernelWithoutModule", "storage1", "touch /boot/vmlinuz-9.9.9-none",
          "rm /boot/vmlinuz-9.9.9-none", waits=True),
    Cause("DiskFull", "vision-prod1", FILL, "rm /full", urgent=True),
    Cause("WebDown", "vision-prod1", "systemctl stop nginx", "systemctl start nginx",
          urgent=True),
)  # fmt: skip


@pytest.fixture
def fleet(monitored_storage: MonitoredStorage) -> MonitoredStorage:
    """Each of them has told how it stands."""
    up = partial(all_are_up, monitored_storage)
    wait_for(up, "each host has told how it stands", 180)
    return monitored_storage


def test_each_cause_is_told_and_is_over_when_it_is_mended(
    fleet: MonitoredStorage, mails: Mails
) -> None:
    web = partial(value, fleet, 'sum(probe_success{job="web"})')
    wait_for(lambda: web() == 2, "both boards show their page", 120, every=3)
    wait_until_quiet(fleet)
    mails.all.clear()
    for it in APART:
        fleet[it.host].sh(it.make)
    wait_until_none(lambda: left(fleet, APART), "each is there", 900, every=5)
    urgent = {it.subject for it in APART if it.urgent}
    wait_until_none(lambda: urgent - mails.to(HYPHA), "one knows", 180)
    wait_until_none(lambda: urgent - mails.to(MEET), "the other one knows", 60)
    for it in APART:
        fleet[it.host].sh(it.mend)
    wait_until_quiet(fleet)


def test_a_storage_that_stands_still_is_seen_on_each_client(fleet: MonitoredStorage) -> None:
    wait_until_quiet(fleet)
    fleet.storage.sh("systemctl stop nfs-server")
    clients = [it.name for it in fleet.boards]
    wanted = {("NfsDown", "storage1"), *(("MountHangs", it) for it in clients)}
    wait_until_none(lambda: wanted - firing(fleet), "server and clients tell", 600, every=5)
    fleet.storage.sh("systemctl start nfs-server")
    wait_until_quiet(fleet)


def test_a_tunnel_that_is_cut_on_one_side_is_a_host_that_is_down(fleet: MonitoredStorage) -> None:
    fleet.staging.sh(f"{WG0} {stored_key('monitor1')} remove")
    down = ("HostDown", "vision-stg1")
    wait_for(lambda: down in firing(fleet), "it is told", 480, every=3)
    fleet.converge()
    wait_for(lambda: down not in firing(fleet), "a run mends it", OVER_SECONDS, every=3)
