"""Whom Alertmanager calls, by the route that each alert takes through its configuration."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet import ROOT
from fleet.groups.monitor import MailServer
from fleet.oncall import OnCall
from roles.monitor import alertmanager, alerts
from tests.unit.fleet.derived.test_intervals import is_active
from tests.unit.fleet.oncall_samples import NOW, read

SERVER = MailServer(host="mail.example.org", port=587, sender="a@example.org", user="a@example.org")
# In Berlin it is Collocall's turn, then Hypha's.
DAY, NIGHT = datetime(2026, 11, 27, 12, tzinfo=UTC), datetime(2026, 11, 27, 22, tzinfo=UTC)


def made(
    oncall: OnCall,
    server: MailServer = SERVER,
    watchers: Sequence[str] = (),
    room: str | None = None,
) -> dict[str, Any]:
    return alertmanager.config(
        oncall, NOW, server=server, password="secret",
        address=lambda name: f"{name}@example.org", watchers=watchers, room=room, repeat_hours=4,
    )  # fmt: skip


def matches(text: str, labels: dict[str, str]) -> bool:
    found = re.fullmatch(r'(\w+)(!?=)"(\w+)"', text)
    assert found
    return (labels.get(found[1], "") == found[3]) == (found[2] == "=")


def called(config: dict[str, Any], now: datetime, **labels: str) -> Iterator[str]:
    """The receivers of an alert: https://prometheus.io/docs/alerting/latest/configuration/#route"""
    named = {it["name"]: it["time_intervals"] for it in config["time_intervals"]}
    for route in config["route"]["routes"]:
        if not all(matches(it, labels) for it in route.get("matchers", [])):
            continue
        active = route.get("active_time_intervals")
        if active is None or any(_holds(named[it], now) for it in active):
            yield route["receiver"]
        if not route.get("continue"):
            return


def _holds(its: list[dict[str, Any]], now: datetime) -> bool:
    return any(_after(it, now) if "times" not in it else is_active([it], now) for it in its)


def _after(it: dict[str, Any], now: datetime) -> bool:
    """Of a whole year or more."""
    (years,) = (tuple(map(int, years.split(":"))) for years in it["years"])
    months = it.get("months", ["1:12"])
    (range_,) = (tuple(map(int, its.split(":"))) for its in months)
    return years[0] <= now.year <= years[-1] and range_[0] <= now.month <= range_[-1]


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return made(read(tmp_path))


def test_whatever_is_critical_goes_to_the_redundancy_and_to_the_team_beside_it(
    tmp_path: Path,
) -> None:
    alone = read(tmp_path).model_copy(update={"redundancy": ("ops-hypha-1",)})
    found = made(alone)
    beside = ["redundancy", "team-collocall-beside"]
    assert [*called(found, DAY, severity="critical")] == beside
    # Nobody is told of one thing twice.
    assert [*called(found, NIGHT, severity="critical")] == ["redundancy"]
    assert to_of(found, "team-collocall-beside") == ["ops-meet-1@example.org"]
    assert "team-hypha-beside" not in {it["name"] for it in found["receivers"]}


def to_of(config: dict[str, Any], receiver: str) -> list[str]:
    """The addresses of a receiver."""
    found = {it["name"]: it for it in config["receivers"]}[receiver]
    return [it["to"] for it in found["email_configs"]]


def test_a_warning_goes_to_the_team_on_call(config: dict[str, Any]) -> None:
    assert [*called(config, DAY, severity="warning")] == ["team-collocall"]
    assert [*called(config, NIGHT, severity="warning")] == ["team-hypha"]
    # One whose severity somebody has misspelt reaches somebody.
    assert [*called(config, DAY, severity="kritical")] == ["team-collocall"]
    assert [*called(config, DAY)] == ["team-collocall"]


def test_what_fires_always_goes_to_nobody(config: dict[str, Any]) -> None:
    assert [*called(config, DAY, severity="none")] == ["nobody"]
    assert config["receivers"][0] == {"name": "nobody"}


def test_a_watcher_hears_each_minute_that_all_of_it_works(tmp_path: Path) -> None:
    found = made(read(tmp_path), watchers=["http://10.66.0.12:9095/"])
    assert [*called(found, DAY, alertname="Watchdog", severity="none")] == ["watchers"]
    route = found["route"]["routes"][0]
    assert (route["group_wait"], route["group_by"]) == ("0s", ["watched"])
    # Alertmanager looks at the repeat_interval at each group_interval.
    assert (route["repeat_interval"], found["route"]["group_interval"]) == ("30s", "1m")
    hooks = {it["name"]: it.get("webhook_configs") for it in found["receivers"]}["watchers"]
    assert hooks == [{"url": "http://10.66.0.12:9095/", "send_resolved": False}]


def test_each_alert_is_said_in_the_room_once(tmp_path: Path) -> None:
    found = made(read(tmp_path), room="http://127.0.0.1:9096/")
    critical = called(found, DAY, severity="critical")
    assert [*critical] == ["room", "redundancy"]
    unattended = called(found, DAY, severity="critical", alertname="Unattended")
    assert [*unattended] == ["room", "everybody"]
    assert [*called(found, DAY, severity="none")] == ["nobody"]
    hooks = {it["name"]: it.get("webhook_configs") for it in found["receivers"]}["room"]
    assert hooks == [{"url": "http://127.0.0.1:9096/", "send_resolved": True}]


def test_in_hours_without_a_team_the_redundancy_gets_everything(tmp_path: Path) -> None:
    oncall = read(tmp_path)
    alone = oncall.model_copy(update={"shifts": oncall.shifts[:1]})
    found = made(alone)
    assert [*called(found, DAY, severity="warning")] == ["team-collocall"]
    assert [*called(found, NIGHT, severity="warning")] == ["redundancy"]
    assert [*called(found, NIGHT, severity="critical")] == ["redundancy"]
    # Of a team without a turn there is no interval, and an unknown one would be refused.
    assert {it["name"] for it in found["time_intervals"]} == {"collocall", "nobody"}


@pytest.mark.parametrize("days", [710, 800, 4000])
def test_after_the_last_turn_that_is_written_out_somebody_is_called_too(
    config: dict[str, Any], days: int
) -> None:
    later = NOW + timedelta(days=days)
    assert [*called(config, later, severity="warning")] == ["redundancy"]
    assert [*called(config, later, severity="critical")] == ["redundancy"]


def test_what_nobody_has_taken_goes_to_everybody_at_once(config: dict[str, Any]) -> None:
    found = called(config, DAY, alertname="Unattended", alert="HostDown", severity="critical")
    assert [*found] == ["everybody"]


def inhibits(rule: dict[str, Any], source: dict[str, str], target: dict[str, str]) -> bool:
    return (
        all(matches(it, source) for it in rule["source_matchers"])
        and all(matches(it, target) for it in rule["target_matchers"])
        and all(source.get(it) == target.get(it) for it in rule["equal"])
    )


def test_one_cause_is_one_message(config: dict[str, Any]) -> None:
    def alert(name: str, host: str = "a", of: str = "") -> dict[str, str]:
        groups = alerts.rules("https://x/", 15)["groups"]
        every = [it for group in groups for it in group["rules"] if "alert" in it]
        rules = {it["alert"]: it["labels"] for it in every}
        # The second call has the labels of what it is about, and its own.
        its = {"host": host, **rules[of or name]}
        return {**its, "alertname": name, "alert": of or name}

    down, work = config["inhibit_rules"]
    assert inhibits(down, alert("HostDown"), alert("DiskFull"))
    assert not inhibits(down, alert("HostDown"), alert("DiskFull", "b"))
    assert not inhibits(down, alert("HostDown"), alert("Unattended", of="HostDown"))
    assert inhibits(down, alert("HostDown"), alert("Unattended", of="DiskFull"))
    assert not inhibits(down, alert("HostDown"), {"alertname": "CalledUntil"})
    for seen in ("WebDown", "PublicSshOpen", "AlertmanagerAway", "WatcherAway", "HostDown"):
        assert not inhibits(down, alert("HostDown"), alert(seen)), seen
        assert not inhibits(down, alert("HostDown"), alert("Unattended", of=seen)), seen
        assert inhibits(work, alert("Maintenance"), alert(seen))
    assert inhibits(work, alert("Maintenance"), alert("HostDown"))
    assert inhibits(work, alert("Maintenance"), alert("Unattended", of="HostDown"))
    assert not inhibits(work, alert("Maintenance"), alert("HostDown", "b"))
    assert not inhibits(work, alert("Maintenance"), alert("Maintenance"))


def test_each_team_is_all_of_its_people(config: dict[str, Any]) -> None:
    to = {
        it["name"]: [each["to"] for each in it["email_configs"]] for it in config["receivers"][1:]
    }
    assert to == {
        "redundancy": ["ops-hypha-1@example.org", "ops-meet-1@example.org"],
        "everybody": ["ops-meet-1@example.org", "ops-hypha-1@example.org"],
        "team-collocall": ["ops-meet-1@example.org"],
        "team-hypha": ["ops-hypha-1@example.org"],
    }


def test_whoever_logs_in_does_so_by_tls(tmp_path: Path) -> None:
    assert made(read(tmp_path))["global"] == {
        "smtp_smarthost": "mail.example.org:587",
        "smtp_from": "a@example.org",
        "smtp_require_tls": True,
        "smtp_auth_username": "a@example.org",
        "smtp_auth_password": "secret",
    }
    open_one = MailServer(host="192.0.2.1", port=25, sender="a@example.org", tls=False)
    assert made(read(tmp_path), open_one)["global"] == {
        "smtp_smarthost": "192.0.2.1:25",
        "smtp_from": "a@example.org",
        "smtp_require_tls": False,
    }
    # There TLS begins before SMTP does, and nobody offers STARTTLS.
    first_byte = MailServer(host="m.example.org", port=465, sender="a@example.org")
    assert made(read(tmp_path), first_byte)["global"]["smtp_require_tls"] is False


def found_by_amlint(config: dict[str, Any], directory: Path) -> set[tuple[str, str]]:
    """What a linter that others wrote finds, beside remarks: each with its place."""
    (directory / "mail.tmpl").write_text((ROOT / "roles/monitor/mail.tmpl").read_text())
    files = directory / "alertmanager.yml", directory / "alerts.yml"
    for file, content in zip(files, (config, alerts.rules("https://x/", 15)), strict=True):
        file.write_text(yaml.safe_dump(content))
    amlint = Path(sys.executable).parent / "amlint"
    words: list[str | Path] = [amlint, "check", "--format", "json", "--rules", files[1], files[0]]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    found = json.loads(done.stdout)
    return {(it["code"], it["where"]) for it in found if it["level"] != "info"}


ON_PURPOSE = {
    ("empty-receiver", "receivers[nobody]"),
    # As short as it gets: a watcher hears each minute.
    ("repeat-before-group", "route.routes[0]"),
}


def test_a_linter_of_others_finds_nothing_that_is_not_meant(tmp_path: Path) -> None:
    found = made(read(tmp_path), watchers=["http://10.66.0.12/"], room="http://127.0.0.1/")
    assert found_by_amlint(found, tmp_path) == ON_PURPOSE
    found["route"]["routes"][0]["matchers"] = ['alertname="Wachdog"']
    unknown = {("route-unknown-alertname", "route.routes[0]")}
    assert found_by_amlint(found, tmp_path) == ON_PURPOSE | unknown


TEMPLATE = ROOT / "roles/monitor/mail.tmpl"


def commands(alerts_of_the_mail: list[dict[str, str]], directory: Path) -> list[list[str]]:
    """The commands at the end of a mail, as a shell reads them: by amtool, as Alertmanager does."""
    each = {"status": "firing", "annotations": {}, "startsAt": "2026-11-28T09:00:00Z"}
    data = directory / "data.json"
    told = [{**each, "labels": it} for it in alerts_of_the_mail]
    data.write_text(
        json.dumps({"status": "firing", "externalURL": "http://m:9093/", "alerts": told})
    )
    words: list[str] = [
        "amtool", "template", "render", f"--template.glob={TEMPLATE}",
        '--template.text={{ template "coop.text" . }}', f"--template.data={data}",
    ]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    return [shlex.split(it) for it in done.stdout.splitlines() if it.startswith("amtool ")]


def test_who_takes_one_of_several_gets_a_command_of_its_own() -> None:
    text = TEMPLATE.read_text()
    command = text[text.index("amtool ") : text.index("{{/*")]
    assert "CommonLabels" not in command and '{{ template "coop.which" . }}' in command
    which = text[text.index('{{ define "coop.which" }}') :]
    # The second call has another name, and the rest of its labels is the alert's own.
    assert '.Labels.Remove (stringSlice "alertname" "severity" ' in which


@pytest.mark.skipif(not shutil.which("amtool"), reason="needs Debian's prometheus-alertmanager")
def test_a_silence_is_of_one_thing_and_of_the_second_call_about_it(tmp_path: Path) -> None:
    one = {"alert": "VolumeGone", "host": "a", "dataset": "pool/it's b", "job": "node"}
    first = {**one, "alertname": "VolumeGone", "severity": "critical", "instance": "a"}
    (found,) = commands([first], tmp_path)
    assert found[:4] == ["amtool", "--alertmanager.url=http://m:9093/", "silence", "add"]
    matchers = ["alert=VolumeGone", 'dataset="pool/it\'s b"', "host=a", "job=node"]
    assert found[7:] == matchers
    assert commands([{**first, "alertname": "Unattended"}], tmp_path) == [found]
    both = commands([first, {**first, "dataset": "pool/c"}], tmp_path)
    assert both[0] == found and both[1][7:] == [matchers[0], "dataset=pool/c", *matchers[2:]]
