"""A monitor and those whom it calls."""

from pathlib import Path

import pytest

from fleet.checks.monitor import check_maintenance, check_monitor
from fleet.groups.monitor import MailServer, MonitorGroup, Rooms
from fleet.maintenance import Maintenance
from fleet.reading.explain import validate
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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sender": ""}, "sender: '' is not an email address"),
        ({"sender": "ops"}, "sender: 'ops' is not an email address"),
        ({"tls": False}, "tls: everybody on the way could read the password"),
    ],
)
def test_a_mail_server_that_could_send_nothing_is_refused(
    change: dict[str, object], says: str
) -> None:
    server = {"host": "m.example.org", "port": 587, "sender": "a@example.org", "user": "a"}
    found, problems = validate(MailServer, {**server, **change}, "monitor.py", "mail")
    assert found is None and says in str(problems[0])


@pytest.mark.parametrize(
    ("room", "says"),
    [
        ({"homeserver": "http://matrix.example.org"}, "the token; write https://"),
        ({"homeserver": "https://matrix.example.org/"}, "without / at its end"),
        ({"room": "#alerts:example.org"}, "write its internal id"),
    ],
)
def test_a_room_that_nobody_could_write_to_is_refused(room: dict[str, str], says: str) -> None:
    plain = {"homeserver": "https://matrix.example.org", "room": "!a:example.org"}
    rooms = {"production": {**plain, **room}, "lab": None}
    found, problems = validate(Rooms, rooms, "monitor.py", "matrix")
    assert found is None and says in str(problems[0])
    assert validate(Rooms, {"production": None, "lab": None}, "monitor.py", "")[1] == []
