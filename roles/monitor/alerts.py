"""The alerts: each role's own, in its alerts.yml, with the cases that prove them.

An alert there is a rule as Prometheus has it, and its `test`: series, of one value each, with which
it fires, and others with which it is quiet; a list of these if there are several ways to be quiet.
What several alerts ask for in the same words may stand before them, as a rule that records it.

One lost scrape takes all series of a host away for its time. So that no alert begins anew then,
each counts what it asks for as the last that was told within LOOKBACK, and goes on for KEPT.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from fleet import ROOT

# A host that tells nothing for longer is down, and has its own alert.
LOOKBACK = "5m"
# What comes and goes is told once, and somebody who was called has time to look before it is over.
KEPT = "5m"
# A metric that hosts or rules tell. A range has its own time, and ALERTS is never lost.
SELECTOR = re.compile(
    r"\b(?:up|(?:alertmanager|bbb|coop|node|probe|prometheus)_\w+)\b(?:\{[^}]*\})?(?![\[\w{])"
)
# What the monitor sees by itself stands in the alerts.yml of these. All else a host's own exporters
# tell, and nobody knows it while the host is down.
SEEN_BY = ("monitor", "watcher")
TOLD_BY, HOST = "told_by", "host"
# The time of `for` that the data has, and not the rule.
ESCALATION = "escalation"
EVALUATED = "1m"
# How long after its `for` a rule has to fire in a test.
LATER_MINUTES = 5
MINUTES = {"m": 1, "h": 60, "d": 1440}

Rule = dict[str, Any]
Groups = dict[str, Any]
"""A file of rules: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/"""


@dataclass(frozen=True)
class Alert:
    """role: whose it is; group: the name of its group; rule: as Prometheus has it

    fires: values by series; quiet: several of these
    """

    role: str
    group: str
    rule: Rule
    fires: Mapping[str, object]
    quiet: Sequence[Mapping[str, object]]

    @property
    def name(self) -> str:
        return str(self.rule["alert"])


@cache
def alerts() -> tuple[Alert, ...]:
    """All alerts, in the order of the roles' names."""
    return tuple(
        Alert(role, group, rule, test["fires"], _listed(test["quiet"]))
        for role, group, rule in _all()
        if "alert" in rule
        for test in [rule.pop("test")]
    )


def _all() -> Iterator[tuple[str, str, Rule]]:
    """All rules, each with its role and the name of its group."""
    for file in sorted((ROOT / "roles").glob("*/alerts.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                yield file.parent.name, group["name"], rule


def _listed(quiet: Any) -> list[Mapping[str, object]]:
    return quiet if isinstance(quiet, list) else [quiet]


def rules(runbooks: str, escalate_minutes: int) -> Groups:
    """The file of all alerts.

    runbooks: the URL below which each has its page
    escalate_minutes: how long something critical goes on until everybody is called
    """
    groups: dict[str, list[Rule]] = {}
    for _, group, rule in _all():
        if "record" in rule:
            groups.setdefault(group, []).append({**rule, "expr": _as_told_last(rule["expr"])})
    for alert in alerts():
        page = {"runbook_url": f"{runbooks}{alert.name}.md"}
        # By this label one silence mutes an alert, and the second call that follows from it.
        rule = {
            **_lasting(alert.rule),
            "for": _for(alert, escalate_minutes),
            "labels": {"alert": alert.name, **_told_by(alert), **alert.rule["labels"]},
            "annotations": {**alert.rule["annotations"], **page},
        }
        groups.setdefault(alert.group, []).append(rule)
    return {"groups": [{"name": name, "rules": its} for name, its in groups.items()]}


def _told_by(alert: Alert) -> dict[str, str]:
    """A second call has the label of the alert that the call is about."""
    return {} if alert.role in SEEN_BY else {TOLD_BY: HOST}


def _lasting(rule: Rule) -> Rule:
    """The rule as lost scrapes leave it alone; what calls nobody is exact."""
    if rule["labels"]["severity"] == "none":
        return rule
    return {"keep_firing_for": KEPT, **rule, "expr": _as_told_last(rule["expr"])}


def _as_told_last(expr: str) -> str:
    return SELECTOR.sub(rf"last_over_time(\g<0>[{LOOKBACK}])", expr)


def _for(alert: Alert, escalate_minutes: int) -> str:
    said = str(alert.rule.get("for", "0m"))
    return f"{escalate_minutes}m" if said == ESCALATION else said


def tests(file: str, escalate_minutes: int) -> dict[str, Any]:
    """Cases for promtool: each alert of the file fires by what it is for, and by nothing less.

    Each asks for a count of the series ALERTS, because promtool passes a case whose alert has
    another name: https://github.com/prometheus/prometheus/issues/8105
    """
    return {
        "rule_files": [file],
        "evaluation_interval": EVALUATED,
        "tests": [case for alert in alerts() for case in _cases(alert, escalate_minutes)],
    }


def _cases(alert: Alert, escalate_minutes: int) -> Iterator[dict[str, Any]]:
    minutes = _minutes(_for(alert, escalate_minutes)) + LATER_MINUTES
    yield _case(alert, alert.fires, minutes, fires=True)
    if alert.rule["labels"]["severity"] != "none":
        yield _case(alert, _with_lost_scrapes(alert.fires, minutes), minutes, fires=True)
    for series in alert.quiet:
        yield _case(alert, series, minutes, fires=False)


def _case(
    alert: Alert, series: Mapping[str, object], minutes: int, *, fires: bool
) -> dict[str, Any]:
    return {
        "interval": EVALUATED,
        "input_series": [
            {"series": name, "values": value if "x" in str(value) else f"{value}x{minutes}"}
            for name, value in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert.name}",alertstate="firing"}})',
                "eval_time": f"{minutes}m",
                "exp_samples": [{"value": 1, "labels": "{}"}] if fires else [],
            }
        ],
    }


def _with_lost_scrapes(series: Mapping[str, object], minutes: int) -> dict[str, object]:
    """The series with each third scrape lost, and the last one."""
    return {
        name: value
        if "x" in str(value) or name.startswith("ALERTS")
        else " ".join(
            "stale" if (minutes - it) % 3 == 0 else f"{value}x0" for it in range(minutes + 1)
        )
        for name, value in series.items()
    }


def _minutes(text: str) -> int:
    return int(text[:-1]) * MINUTES[text[-1]]
