"""What goes on is told as going on: a lost scrape, or a series that ends, ends no alert."""

from pathlib import Path

import pytest

from roles.monitor import alerts
from tests.unit.roles.rules_here import case, count, needs_promtool, tried

LOUD = [it for it in alerts.alerts() if it.rule["labels"]["severity"] != "none"]


def rule(name: str) -> alerts.Rule:
    groups = alerts.rules("https://x/", 20)["groups"]
    found: list[alerts.Rule] = [it for group in groups for it in group["rules"]]
    (rule,) = (it for it in found if it.get("alert") == name)
    return rule


@pytest.mark.parametrize("name", [it.name for it in LOUD])
def test_an_alert_goes_on_for_a_while_and_each_metric_counts_as_told_last(name: str) -> None:
    found = rule(name)
    assert found["keep_firing_for"] == ("0s" if name == "Unattended" else "5m")
    left = alerts.SELECTOR.findall(found["expr"])
    assert left == []
    assert 'last_over_time(up{job="node"}[5m]) == 0' in rule("PublicSshClosed")["expr"]


@pytest.mark.parametrize("name", ["Watchdog", "Maintenance"])
def test_what_calls_nobody_ends_at_once(name: str) -> None:
    (alert,) = (it for it in alerts.alerts() if it.name == name)
    assert "keep_firing_for" not in rule(name)
    assert rule(name)["expr"] == alert.rule["expr"]


def test_everybody_is_called_after_the_minutes_that_the_data_has() -> None:
    assert rule("Unattended")["for"] == "20m"
    assert rule("Watchdog")["for"] == "0m"


def test_each_critical_alert_is_tried_with_lost_scrapes() -> None:
    cases = alerts.tests("alerts.yml", 15)["tests"]
    urgent = [it for it in LOUD if it.rule["labels"]["severity"] == "critical"]
    assert len(urgent) > 15
    for alert in urgent:
        its = [it for it in cases if f'"{alert.name}"' in it["promql_expr_test"][0]["expr"]]
        series = [it["values"] for it in its[1]["input_series"]]
        own = any("x" in str(it) for it in alert.fires.values())
        assert own or alert.name == "Unattended" or all(it.endswith("stale") for it in series)
        assert its[1]["promql_expr_test"][0]["exp_samples"]


@needs_promtool
def test_each_alert_fires_by_its_cases(tmp_path: Path) -> None:
    assert tried(tmp_path) == ""


@needs_promtool
def test_a_lost_scrape_ends_no_alert_and_no_escalation(tmp_path: Path) -> None:
    lost = case(
        {'coop_firewall_present{host="a"}': "0x40 stale 0x40 stale 0x40 stale 0x40 stale 0x40"},
        [
            count("FirewallAbsent", "10m", 1),
            count("FirewallAbsent", "10m15s", 1),
            count("FirewallAbsent", "50m", 1),
            count("Unattended", "16m", 0),
            count("Unattended", "18m", 1),
            count("Unattended", "50m", 1),
        ],
    )
    daily = case(
        {'coop_reboot_required{host="a"}': " stale ".join(["1x1400"] * 4)},
        [count("RebootDue", "4000m", 1)],
        interval="1m",
    )
    assert tried(tmp_path, [lost, daily]) == ""


@needs_promtool
def test_a_host_that_answers_now_and_then_is_down_and_one_that_boots_is_not(
    tmp_path: Path,
) -> None:
    now_and_then = case(
        {'up{job="node",host="a"}': "0x6 1 " * 12 + "0"}, [count("HostDown", "10m", 1)]
    )
    boots = case(
        {'up{job="node",host="a"}': "1x40 0x8 1x40"},
        [count("HostDown", "20m", 0, since="20m")],
    )
    # As when the monitor has only begun, and its own tunnel is not up.
    new = case({'up{job="node",host="a"}': "0 0 1x40"}, [count("HostDown", "10m", 0, since="10m")])
    ends = case(
        {'up{job="node",host="a"}': "0x40 1x80"},
        [count("HostDown", "10m", 1), count("HostDown", "20m", 0)],
    )
    assert tried(tmp_path, [now_and_then, boots, new, ends]) == ""


@needs_promtool
def test_everybody_is_called_only_a_while_after_what_kept_an_alert_back(tmp_path: Path) -> None:
    """Maintenance for half an hour, then a host that was down: the first call comes only then."""
    absent = {'coop_firewall_present{host="a"}': "0x600"}
    worked_on = case(
        {**absent, 'coop_maintenance_end_timestamp_seconds{host="a",why="b"}': "1800x600"},
        [
            count("Unattended", "29m", 0),
            count("Unattended", "44m", 0),
            count("Unattended", "47m", 1),
        ],
    )
    # Down until the 50th minute, and told so until seven and a half minutes later.
    down = case(
        {**absent, 'up{job="node",host="a"}': "1x40 0x160 1x400"},
        [
            count("HostDown", "55m", 1),
            count("Unattended", "57m", 1),
            count("Unattended", "57m", 0, more=',alert="FirewallAbsent"'),
            count("Unattended", "71m", 0),
            count("Unattended", "74m", 1),
        ],
    )
    # What others see of the host goes on, and so does the call about it.
    seen = case(
        {
            'up{job="node",host="a"}': "0x600",
            'probe_success{job="web",host="a",name="b"}': "0x600",
        },
        [count("Unattended", "25m", 1, more=',alert="WebDown"')],
    )
    assert tried(tmp_path, [worked_on, down, seen]) == ""


@needs_promtool
def test_while_nobody_can_try_from_outside_something_critical_goes_on(tmp_path: Path) -> None:
    urgent = ',severity="critical"'
    # The prober ends while a page is away.
    ends = case(
        {
            'probe_success{job="web",host="a",name="b"}': "0x40 stale",
            'up{job="prober",host="m"}': "1x40 0x200",
            'up{job="web",host="a",name="b"}': "1x40 0x200",
        },
        [
            count("WebDown", "15m", 1),
            count("WebDown|ProberAway|ProbeFails", "18m", 2, more=urgent),
            count("WebDown|ProberAway|ProbeFails", "40m", 1, more=urgent),
        ],
    )
    # It goes on, and refuses what it is asked.
    refuses = case(
        {
            'probe_success{job="outside",expected="closed",host="a"}': "1x40 stale",
            'up{job="prober",host="m"}': "1x240",
            'up{job="outside",expected="closed",host="a"}': "1x40 0x200",
        },
        [
            count("PublicSshOpen", "15m", 1),
            count("PublicSshOpen|ProbeFails", "18m", 2, more=urgent),
            count("ProbeFails", "40m", 1, more=urgent),
        ],
    )
    assert tried(tmp_path, [ends, refuses]) == ""


@needs_promtool
def test_a_coop_bbb_that_fails_leaves_the_api_down(tmp_path: Path) -> None:
    fails = case(
        {
            'bbb_api_up{host="a"}': "0x200",
            'coop_bbb_changing{host="a"}': "0x200",
            'coop_bbb_api_answer{host="a",answer="unreachable"}': "1x40 0x160",
            'coop_bbb_api_answer{host="a",answer="slow"}': "0x200",
            'coop_bbb_api_answer{host="a",answer="refused"}': "0x200",
        },
        [count("BbbApiDown", "10m", 1), count("BbbApiDown", "40m", 1)],
    )
    assert tried(tmp_path, [fails]) == ""


CHANGES = {
    'probe_success{job="web",host="a",name="b"}': "0x300",
    'bbb_api_up{host="a"}': "0x300",
    'coop_bbb_api_answer{host="a",answer="refused"}': "1x300",
    'coop_bbb_changing{host="a"}': "1x300",
    'coop_metrics_timestamp_seconds{host="a"}': "0+60x300",
}


@needs_promtool
def test_a_change_excuses_a_node_for_two_hours_and_while_the_node_looks(tmp_path: Path) -> None:
    its = "WebDown|Bbb.*"
    hangs = case(
        CHANGES,
        [
            count(its, "119m", 0, since="119m"),
            count("BbbChangeStuck", "121m", 1, more=',severity="critical"'),
            count("WebDown|BbbSecretWrong", "135m", 2),
            count("WebDown|BbbSecretWrong", "290m", 2),
        ],
        interval="1m",
    )
    # coop-metrics ends meanwhile, and its file stays.
    blind = case(
        {**CHANGES, 'coop_metrics_timestamp_seconds{host="a"}': "0+60x30 1800x270"},
        [count(its, "39m", 0, since="39m"), count("WebDown|BbbSecretWrong", "55m", 2)],
        interval="1m",
    )
    ends = case(
        {**CHANGES, 'coop_bbb_changing{host="a"}': "1x30 0x270"},
        [count(its, "30m", 0, since="30m"), count("WebDown|BbbSecretWrong", "45m", 2)],
        interval="1m",
    )
    assert tried(tmp_path, [hangs, blind, ends]) == ""
