"""A monitor whose own disk or data are broken goes on, or its watcher calls."""

from functools import partial
from pathlib import Path

import pytest

from lab.command import wait_for
from tests.lab.fleets import MonitoredFleet
from tests.lab.mails import Mails, told_to_both
from tests.lab.test_monitor import all_are_up, asked, base, value
from tests.lab.test_watcher import OVER, SILENT, call_sooner, heard

pytestmark = pytest.mark.monitoring

DATA = "/var/lib/prometheus/metrics2"


def start(fleet: MonitoredFleet) -> None:
    """Start Prometheus, and wait until it answers."""
    patient = "curl -sS --retry 60 --retry-delay 1 --retry-connrefused -o /dev/null"
    fleet.monitor.sh(f"systemctl start prometheus; {patient} {base()}/-/ready")


def test_a_full_disk_makes_the_watcher_call(
    monitored: MonitoredFleet, project: Path, mails: Mails
) -> None:
    """Prometheus goes on to evaluate rules then, by data that gets old."""
    call_sooner(monitored, project)
    monitor = monitored.monitor
    monitor.sh(
        f"systemctl stop prometheus; mount -t tmpfs -o size=24M,mode=755 small {DATA}; "
        f"chown prometheus: {DATA}"
    )
    start(monitored)
    wait_for(partial(all_are_up, monitored), "it works on the small disk", 90)
    wait_for(partial(heard, monitored), "the watcher hears of the monitor", 180, every=3)
    monitor.sh(f"dd if=/dev/zero of={DATA}/full bs=64k 2> /dev/null || true")
    wait_for(partial(told_to_both, mails, SILENT), "both are called", 600, every=3)
    assert monitor.try_sh("systemctl is-active -q prometheus").returncode == 0
    monitor.sh(f"rm {DATA}/full")
    wait_for(partial(told_to_both, mails, OVER), "with room it works by itself", 300, every=3)
    wait_for(partial(all_are_up, monitored), "each host tells again", 60)


def test_a_damaged_log_costs_what_it_held_and_no_more(monitored: MonitoredFleet) -> None:
    """The write-ahead log, after a kill in the middle of a write."""
    wait_for(partial(all_are_up, monitored), "each host has told how it stands", 60)
    monitor = monitored.monitor
    monitor.sh("systemctl kill -s KILL prometheus; systemctl stop prometheus")
    segment = monitor.sh(f"ls {DATA}/wal/0* | tail -n 1").strip()
    monitor.sh(f"dd if=/dev/urandom of={segment} bs=1k seek=8 count=4 conv=notrunc 2> /dev/null")
    start(monitored)
    wait_for(partial(all_are_up, monitored), "it goes on", 90)
    assert value(monitored, "prometheus_tsdb_wal_corruptions_total") >= 1
    assert "Watchdog" in str(asked(monitored, "rules"))
