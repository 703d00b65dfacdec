"""A monitor and those whom it calls."""

from pathlib import Path

import pytest

from fleet.checks.monitor import check_maintenance, check_monitor
from fleet.groups.monitor import MonitorGroup
from fleet.maintenance import Maintenance
from tests.unit.fleet.oncall_samples import NOW, read
from tests.unit.fleet_samples import fleet_of, sample


@pytest.mark.parametrize(("hours", "wrong"), [(1, False), (6, False), (7, True), (24, True)])
def test_who_is_off_for_less_would_miss_what_comes_again(
    tmp_path: Path, hours: int, wrong: bool
) -> None:
    """Hypha is off for eight hours, and for seven in the weeks in which one has changed clocks."""
    group: MonitorGroup = fleet_of(tmp_path, sample()).monitor
    changed = group.model_copy(update={"repeat_hours": hours})
    found = [str(it) for it in check_monitor("monitor.py", changed, read(tmp_path), NOW)]
    assert len(found) == wrong
    if wrong:
        assert "repeat_hours: hypha is off for" in found[0]


@pytest.mark.parametrize(("until", "wrong"), [("2027-02-01", False), ("2036-12-01", True)])
def test_maintenance_for_years_is_a_slip(tmp_path: Path, until: str, wrong: bool) -> None:
    record = {"until": f"{until} 08:00 Europe/Berlin", "why": "new disks"}
    fleet = fleet_of(tmp_path, sample())
    host = fleet.host("storage1")
    worked_on = host.model_copy(update={"maintenance": Maintenance.model_validate(record)})
    hosts = {**fleet.hosts, "storage1": worked_on}
    found = [str(it) for it in check_maintenance("coop.yml", hosts, NOW)]
    assert len(found) == wrong
    if wrong:
        assert "storage1: maintenance.until: ends more than 92 days from now" in found[0]
