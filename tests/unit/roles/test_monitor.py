"""What a monitor is told: whom to ask, what is expected, and which alerts there are."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from facts.configurations import ConfigurationState
from facts.systemd import UnitsState, UnitState
from fleet import ROOT
from fleet.derived.ports import ports_of
from fleet.derived.targets import Look, looks, watched
from fleet.host_keys import HostKeys
from fleet.model import Fleet
from operations.files import File
from roles import monitor
from roles.monitor import alerts
from tests.unit.exposition import documented
from tests.unit.fleet_samples import MONITOR, OFFSITE, fleet_of, problems_of, sample
from tests.unit.roles.conftest import Take

KNOWN = ("monitor1", "storage1", "prod1", "offsite1")
RUNBOOKS = ROOT / "docs/runbooks"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take: Take) -> Fleet:
    """A fleet in which stg1 had no run yet; monitor1 is the host of the run."""
    monkeypatch.setattr(HostKeys, "load", lambda self: dict.fromkeys(KNOWN, "key"))
    found = fleet_of(tmp_path, sample(offsite1=OFFSITE, monitor1=MONITOR))
    take(found, "monitor1")
    return found


def test_a_host_without_a_run_is_new_and_not_down(fleet: Fleet) -> None:
    assert [it.name for it in watched(fleet)] == ["monitor1", "offsite1", "prod1", "storage1"]
    config = yaml.safe_load(monitor.texts()["prometheus.yml"])
    nodes = config["scrape_configs"][0]["static_configs"]
    assert nodes[2] == {
        "targets": ["10.66.0.22:9100"],
        "labels": {"host": "prod1", "instance": "prod1", "environment": "prod"},
    }
    assert "stg1" not in str(config)
    assert config["rule_files"] == ["looks.yml", "alerts.yml"]


def test_what_each_host_has_to_tell_follows_from_its_groups(fleet: Fleet) -> None:
    found = {(it.host, it.metric): it.seconds for it in looks(fleet)}
    assert found == {
        **{(it, "coop_metrics_timestamp_seconds"): 300 for it in KNOWN},
        ("offsite1", "coop_copy_status_timestamp_seconds"): 3600,
        ("prod1", "coop_certificate_status_timestamp_seconds"): 10800,
    }


def test_each_expected_look_is_a_metric_of_a_page(fleet: Fleet) -> None:
    pages = (ROOT / "docs").glob("*.md")
    known = set().union(*(documented(it.read_text()) for it in pages))
    kinds = {metric for name in type(fleet).model_fields for metric in _looks(fleet, name)}
    assert len(kinds) == 5
    assert kinds <= known


def _looks(fleet: Fleet, name: str) -> set[str]:
    return {*getattr(getattr(fleet, name), "looks", ())}


def test_a_look_that_never_came_has_a_series_of_its_own() -> None:
    end = datetime(2028, 11, 1, tzinfo=UTC)
    (group,) = alerts.looks([Look("a", "m", 300), Look("b", "m", 300)], end)["groups"]
    assert group["rules"][-1]["expr"] == "vector(1856649600)"
    assert group["rules"][:-1] == [
        {"record": "coop_look_age_seconds", "expr": "time() - m", "labels": {"metric": "m"}},
        {
            "record": "coop_look_max_age_seconds",
            "expr": "vector(300)",
            "labels": {"host": "a", "metric": "m"},
        },
        {
            "record": "coop_look_max_age_seconds",
            "expr": "vector(300)",
            "labels": {"host": "b", "metric": "m"},
        },
    ]


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    names = [it.name for it in alerts.alerts()]
    assert len(names) == len({*names}) > 30
    assert {it.stem for it in RUNBOOKS.iterdir()} == {*names}


@pytest.mark.parametrize("name", [it.name for it in alerts.alerts()])
def test_a_page_says_what_to_do(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)[1:]
    assert parts[::2] == ["Meaning", "Impact", "Look", "Mend"]
    assert all(it.strip() for it in parts[1::2])


@pytest.mark.parametrize("alert", alerts.alerts(), ids=lambda it: it.name)
def test_an_alert_says_what_and_where(alert: alerts.Alert) -> None:
    rule = alert.rule
    if alert.name == "Watchdog":
        assert rule["labels"] == {"severity": "none"}
        return
    assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "cause", "mend"}
    if alert.name == "CalledUntil":
        # It is about the data.
        return
    summary = rule["annotations"]["summary"]
    assert "{{ $labels.host }}" in summary or "{{ $labels.dataset }}" in summary
    assert "\n" not in "".join(rule["annotations"].values())
    # Without a host nobody knows where, and what mutes a host's alerts would not mute this one.
    assert alert.fires and alert.quiet
    assert all('host="a"' in it for it in alert.fires)


def test_each_alert_leads_to_its_page(fleet: Fleet) -> None:
    rules = yaml.safe_load(monitor.texts()["alerts.yml"])
    urls = {
        rule["annotations"]["runbook_url"] for group in rules["groups"] for rule in group["rules"]
    }
    base = fleet.monitor.runbooks
    assert urls == {f"{base}{it.name}.md" for it in alerts.alerts()}


def test_each_alert_is_tried_both_ways(fleet: Fleet) -> None:
    cases = yaml.safe_load(monitor.texts()["tests.yml"])
    assert cases["rule_files"] == ["alerts.yml"]
    asked = [it["promql_expr_test"][0] for it in cases["tests"]]
    for alert in alerts.alerts():
        if alert.name != "Watchdog":
            expr = f'count(ALERTS{{alertname="{alert.name}",alertstate="firing"}})'
            samples = [it["exp_samples"] for it in asked if it["expr"] == expr]
            assert samples == [[{"value": 1, "labels": "{}"}], []]
    down = asked[[it.name for it in alerts.alerts()].index("HostDown")]
    assert down["eval_time"].endswith("m")


def test_it_is_closed_to_all_but_the_vpn(fleet: Fleet) -> None:
    ports = {it.name: (it.number, it.to) for it in ports_of(fleet, fleet.host("monitor1"))}
    assert ports["Prometheus"] == (9090, "people")
    assert ports["Alertmanager"] == (9093, "people")
    text, its = (it.content for it in monitor._drop_ins() if isinstance(it, File))
    assert "\nExecStart=\nExecStart=/usr/bin/prometheus " in text
    assert "--web.listen-address=10.66.0.51:9090 " in text
    assert "\nExecStart=\nExecStart=/usr/bin/prometheus-alertmanager " in its
    assert "--web.listen-address=10.66.0.51:9093 " in its
    assert " --cluster.listen-address= " in its


def test_a_monitor_outside_the_vpn_is_refused(tmp_path: Path) -> None:
    alone = {it: value for it, value in MONITOR.items() if it != "vpn"}
    (problem,) = problems_of(tmp_path, sample(monitor1=alone))
    assert str(problem).endswith("vpn: it watches through the VPN only; add vpn: with addresses")


ITS = ConfigurationState(frozenset(monitor.ITS_NAMES), 1.0, 2.0, True)
WELL = ConfigurationState(frozenset(monitor.NAMES), 1.0, 2.0, True)


@pytest.mark.parametrize(
    ("active", "its", "now", "drift"),
    [
        ("active", ITS, WELL, []),
        ("active", ITS, replace(WELL, linked=3.0), ["prometheus.service does not run on its"]),
        ("active", ITS, replace(WELL, usable=False), ["prometheus.service does not run on its"]),
        ("active", ITS, replace(WELL, files=frozenset()), ["/prometheus has other files"]),
        ("active", replace(ITS, usable=False), WELL, ["-alertmanager.service does not run on"]),
        ("active", replace(ITS, files=frozenset("x")), WELL, ["/alertmanager has other files"]),
        ("failed", ITS, WELL, ["alertmanager.service does not run", "prometheus.service does not"]),
    ],
)
def test_what_is_not_as_it_should_be_is_drift(
    active: str, its: ConfigurationState, now: ConfigurationState, drift: list[str]
) -> None:
    units = UnitsState(dict.fromkeys(monitor.UNITS, UnitState(active=active)))
    found = monitor.judge(units, its, now).drift
    assert [it in text for it, text in zip(drift, found, strict=True)] == [True] * len(drift)


def test_of_a_host_with_nothing_all_is_drift() -> None:
    none = ConfigurationState()
    assert len(monitor.judge(UnitsState(), none, none).drift) == 6
