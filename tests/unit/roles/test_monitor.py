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
from fleet.derived.targets import looks, watched
from fleet.host_keys import HostKeys
from fleet.maintenance import Maintenance
from fleet.model import Fleet
from operations.files import File
from roles import monitor
from roles.monitor import alerts, outside, prober
from roles.monitor.known import known
from tests.unit.exposition import documented
from tests.unit.fleet.oncall_samples import read
from tests.unit.fleet_samples import MONITOR, OFFSITE, fleet_of, problems_of, sample
from tests.unit.roles.bbb.nodes import fleet_with
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
    jobs = {it["job_name"]: it.get("static_configs") for it in config["scrape_configs"]}
    nodes = jobs["node"]
    assert nodes[2] == {
        "targets": ["10.66.0.22:9100"],
        "labels": {"host": "prod1", "instance": "prod1", "environment": "prod"},
    }
    assert "stg1" not in str(config)
    # Whatever group says that it has metrics is asked.
    told = {port.job for it in watched(fleet) for port in ports_of(fleet, it)} - {""}
    assert {"alertmanager", "node", "prometheus"} <= told <= jobs.keys()
    assert config["rule_files"] == ["known.yml", "alerts.yml"]


def test_what_each_host_has_to_tell_follows_from_its_groups(fleet: Fleet) -> None:
    found = {(it.host, it.metric): it.seconds for it in looks(fleet)}
    assert found == {
        **{(it, "coop_metrics_timestamp_seconds"): 300 for it in KNOWN},
        ("monitor1", "coop_handover_status_timestamp_seconds"): 300,
        ("offsite1", "coop_copy_status_timestamp_seconds"): 3600,
        ("prod1", "coop_certificate_status_timestamp_seconds"): 10800,
    }


def test_each_expected_look_is_a_metric_of_a_page(fleet: Fleet) -> None:
    pages = (ROOT / "docs").glob("*.md")
    known = set().union(*(documented(it.read_text()) for it in pages))
    kinds = {metric for name in type(fleet).model_fields for metric in _looks(fleet, name)}
    assert len(kinds) == 6
    assert kinds <= known


def _looks(fleet: Fleet, name: str) -> set[str]:
    return {*getattr(getattr(fleet, name), "looks", ())}


def recorded(fleet: Fleet, name: str) -> list[tuple[str, dict[str, str]]]:
    groups = known(fleet, datetime(2026, 11, 27, tzinfo=UTC))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return [(it["expr"], it.get("labels", {})) for it in rules if it["record"] == name]


def test_a_look_that_never_came_has_a_series_of_its_own(fleet: Fleet) -> None:
    metric = {"metric": "coop_metrics_timestamp_seconds"}
    ages = recorded(fleet, "coop_look_age_seconds")
    assert ("time() - coop_metrics_timestamp_seconds", metric) in ages
    assert len(ages) == 4
    limits = recorded(fleet, "coop_look_max_age_seconds")
    assert [it for it in limits if it[1]["metric"] == metric["metric"]] == [
        ("vector(300)", {"host": it, **metric}) for it in sorted(KNOWN)
    ]


def test_what_the_data_says_of_calls_is_a_series(fleet: Fleet, tmp_path: Path) -> None:
    assert recorded(fleet, "coop_oncall_end_timestamp_seconds") == []
    oncall = read(tmp_path)
    called = fleet.model_copy(update={"oncall": oncall})
    assert recorded(called, "coop_oncall_end_timestamp_seconds") == [("vector(1856649600)", {})]
    assert recorded(called, "coop_oncall_gap_timestamp_seconds") == []
    alone = called.model_copy(
        update={"oncall": oncall.model_copy(update={"shifts": oncall.shifts[:1]})}
    )
    gaps = recorded(alone, "coop_oncall_gap_timestamp_seconds")
    # Collocall's turn begins at eight in Berlin, which is seven by UTC in winter.
    assert gaps[:2] == [
        ("vector(1793491200)", {"until": "2026-11-01 07:00 UTC"}),
        ("vector(1793545200)", {"until": "2026-11-02 07:00 UTC"}),
    ]
    assert len(gaps) == len({it[1]["until"] for it in gaps}) > 700
    end = datetime(2027, 12, 1, tzinfo=UTC)
    ending = called.model_copy(update={"oncall": oncall.with_ends({"ops-hypha-1": end})})
    first, *_ = recorded(ending, "coop_oncall_gap_timestamp_seconds")
    assert first == (f"vector({end.timestamp():.0f})", {"until": "2027-12-01 07:00 UTC"})


def test_a_host_under_maintenance_has_a_series_until_it_is_over(
    tmp_path: Path, fleet: Fleet
) -> None:
    since = {"until": "2026-11-27 09:00 Europe/Berlin", "why": "new disks"}
    storage = fleet.host("storage1").model_copy(
        update={"maintenance": Maintenance.model_validate(since)}
    )
    worked_on = fleet.model_copy(update={"hosts": {**fleet.hosts, "storage1": storage}})
    name = "coop_maintenance_end_timestamp_seconds"
    labels = {"host": "storage1", "why": "new disks"}
    assert recorded(worked_on, name) == [("vector(1795766400)", labels)]
    assert recorded(fleet, name) == []


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
        assert rule["labels"]["severity"] == "none"
        return
    quiet = ("none",) if alert.name == "Maintenance" else ("critical", "warning")
    assert rule["labels"]["severity"] in quiet
    fields = {"alert", "expr", "for", "labels", "annotations"}
    assert rule.keys() - {"keep_firing_for"} == fields
    assert rule["annotations"].keys() == {"summary", "cause", "mend"}
    if alert.name in ("CalledUntil", "OnCallGapAhead"):
        # It is about the data.
        return
    summary = rule["annotations"]["summary"]
    assert "{{ $labels.host }}" in summary or "{{ $labels.dataset }}" in summary
    assert "\n" not in "".join(rule["annotations"].values())
    # Without a host nobody knows where, and what mutes a host's alerts would not mute this one.
    assert alert.fires and all(alert.quiet)
    # Others may be what this one is compared with.
    assert 'host="a"' in next(iter(alert.fires))


def test_each_alert_leads_to_its_page(fleet: Fleet) -> None:
    rules = yaml.safe_load(monitor.texts()["alerts.yml"])
    urls = {
        rule["annotations"]["runbook_url"]
        for group in rules["groups"]
        for rule in group["rules"]
        if "alert" in rule
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
            fires = [{"value": 1, "labels": "{}"}]
            times = 1 if alert.name == "Maintenance" else 2
            assert alert.quiet and samples == [*[fires] * times, *([] for _ in alert.quiet)]
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


def test_what_somebody_has_taken_is_on_the_disk_within_a_minute(fleet: Fleet) -> None:
    """Debian 12's Alertmanager has the option, 0.25, and Debian 13's, 0.28: its --help."""
    (its,) = [it.content for it in monitor._drop_ins() if it.path == monitor.ITS_DROP_IN]  # type: ignore[union-attr]
    assert " --data.maintenance-interval=1m\n" in its


def test_a_monitor_outside_the_vpn_is_refused(tmp_path: Path) -> None:
    alone = {it: value for it, value in MONITOR.items() if it != "vpn"}
    (problem,) = problems_of(tmp_path, sample(monitor1=alone))
    assert str(problem).endswith("vpn: it watches through the VPN only; add vpn: with addresses")


ITS = ConfigurationState(dict.fromkeys(monitor.ITS_NAMES, ""), 1.0, 2.0, True)
WELL = ConfigurationState(dict.fromkeys(monitor.NAMES, ""), 1.0, 2.0, True)


@pytest.mark.parametrize(
    ("active", "its", "now", "drift"),
    [
        ("active", ITS, WELL, []),
        ("active", ITS, replace(WELL, linked=3.0), ["prometheus.service does not run on its"]),
        ("active", ITS, replace(WELL, usable=False), ["prometheus.service does not run on its"]),
        ("active", ITS, replace(WELL, files={}), ["/prometheus has other files"]),
        ("active", replace(ITS, usable=False), WELL, ["-alertmanager.service does not run on"]),
        ("active", replace(ITS, files={"x": ""}), WELL, ["/alertmanager has other files"]),
        ("failed", ITS, WELL, [f"{it} does not run" for it in monitor.UNITS]),
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
    assert len(monitor.judge(UnitsState(), none, none).drift) == 9


def test_ssh_is_tried_at_each_public_address_but_the_monitor_s_own(fleet: Fleet) -> None:
    config = yaml.safe_load(monitor.texts()["prometheus.yml"])
    jobs = {it["job_name"]: it for it in config["scrape_configs"]}
    targets = {it["labels"]["host"]: it for it in jobs["outside"]["static_configs"]}
    assert targets.keys() == {"offsite1", "prod1", "storage1"}
    assert targets["prod1"]["targets"] == ["192.0.2.22:2222"]
    assert targets["prod1"]["labels"]["expected"] == "open"
    closed = {"vpn": fleet.host("prod1").vpn.model_copy(update={"only_way_in": True})}  # type: ignore[union-attr]
    six = fleet.host("prod1").model_copy(update={**closed, "address": "2001:db8::22"})
    found = outside._ssh(six)
    assert found["targets"] == ["[2001:db8::22]:2222"]
    assert found["labels"]["expected"] == "closed"
    assert jobs["prober"]["static_configs"][0]["targets"] == ["127.0.0.1:9115"]
    text = next(it.content for it in prober.entries(fleet) if it.path == prober.DROP_IN)  # type: ignore[union-attr]
    assert "\nExecStart=\nExecStart=/usr/bin/prometheus-blackbox-exporter " in text
    assert "--web.listen-address=127.0.0.1:9115" in text


def test_a_page_is_asked_for_at_the_host_s_address_and_by_its_name(fleet: Fleet) -> None:
    config = yaml.safe_load(monitor.texts()["prometheus.yml"])
    jobs = {it["job_name"]: it for it in config["scrape_configs"]}
    (found,) = jobs["web"]["static_configs"]
    assert found["targets"] == ["https://192.0.2.22/"]
    labels = found["labels"]
    assert (labels["host"], labels["name"]) == ("prod1", labels["__param_hostname"])
    assert labels["__param_module"] == "page"


@pytest.mark.parametrize(("wanted", "asked"), [("serving", True), ("drained", False)])
def test_of_a_node_the_api_is_asked_while_it_should_serve(
    wanted: str, asked: bool, tmp_path: Path
) -> None:
    node = fleet_with(tmp_path, wanted=wanted).host("bbb1")
    found = outside._web(node)
    assert found["targets"] == [f"https://{node.address}/bigbluebutton/api"]
    assert found["labels"]["__param_module"] == "bbb"
    assert outside.shows(node) == asked


@pytest.fixture(params=[("monitor1", "10.66.0.52", []), ("offsite1", "10.66.0.51", ["monitor1"])])
def one_of_two(
    request: pytest.FixtureRequest, fleet: Fleet, tmp_path: Path, take: Take
) -> tuple[str, list[str]]:
    """One of two monitors takes the run: the other one's address, and who tells before this one."""
    on, peer, first = request.param
    other = {**MONITOR, "address": "192.0.2.52", "vpn": {"addresses": ["10.66.0.52", "fd66::52"]}}
    (tmp_path / "two").mkdir()
    take(fleet_of(tmp_path / "two", sample(monitor1=MONITOR, offsite1=other)), on)
    return peer, first


def test_two_monitors_agree_who_sends_a_message(one_of_two: tuple[str, list[str]]) -> None:
    peer, first = one_of_two
    config = yaml.safe_load(monitor.texts()["prometheus.yml"])
    both = ["10.66.0.51:9093", "10.66.0.52:9093"]
    (told,) = config["alerting"]["alertmanagers"]
    assert told["static_configs"] == [{"targets": both}]
    jobs = {it["job_name"]: it["static_configs"] for it in config["scrape_configs"]}
    assert [it["targets"] for it in jobs["alertmanager"]] == [[it] for it in both]
    (its,) = [it.content for it in monitor._drop_ins() if it.path == monitor.ITS_DROP_IN]  # type: ignore[union-attr]
    assert f"--cluster.peer={peer}:9094 " in its
    assert monitor._first() == first


def test_a_monitor_alone_listens_for_no_other(fleet: Fleet) -> None:
    (its,) = [it.content for it in monitor._drop_ins() if it.path == monitor.ITS_DROP_IN]  # type: ignore[union-attr]
    assert "--cluster.listen-address= --storage" in its
    assert monitor._first() == []


def test_certificates_are_those_that_the_system_trusts_and_the_lab_s() -> None:
    modules = prober._modules(None)
    assert {name for name, it in modules.items() if "tls_config" in it.get("http", {})} == set()
    modules = prober._modules("/ca")
    assert {it["http"]["tls_config"]["ca_file"] for it in modules.values() if "http" in it} == {
        "/ca"
    }
    assert not any("insecure" in str(it) for it in modules.values())
