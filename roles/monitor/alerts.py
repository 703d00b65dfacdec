"""The alerts: each role's own, in its alerts.yml, with the cases that prove them.

An alert there is a rule as Prometheus has it, and its `test`: series, of one value each, with which
it fires, and others with which it is quiet; a list of these if there are several ways to be quiet.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from fleet import ROOT

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
        Alert(file.parent.name, group["name"], rule, test["fires"], _listed(test["quiet"]))
        for file in sorted((ROOT / "roles").glob("*/alerts.yml"))
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        for test in [rule.pop("test")]
    )


def _listed(quiet: Any) -> list[Mapping[str, object]]:
    return quiet if isinstance(quiet, list) else [quiet]


def rules(runbooks: str) -> Groups:
    """The file of all alerts. runbooks: the URL below which each has its page"""
    groups: dict[str, list[Rule]] = {}
    for alert in alerts():
        page = {"runbook_url": f"{runbooks}{alert.name}.md"}
        # By this label one silence mutes an alert, and the second call that follows from it.
        rule = {
            **alert.rule,
            "labels": {"alert": alert.name, **alert.rule["labels"]},
            "annotations": {**alert.rule["annotations"], **page},
        }
        groups.setdefault(alert.group, []).append(rule)
    return {"groups": [{"name": name, "rules": its} for name, its in groups.items()]}


def tests(file: str) -> dict[str, Any]:
    """Cases for promtool: each alert of the file fires by what it is for, and by nothing less.

    Each asks for a count of the series ALERTS, because promtool passes a case whose alert has
    another name: https://github.com/prometheus/prometheus/issues/8105
    """
    return {
        "rule_files": [file],
        "evaluation_interval": EVALUATED,
        "tests": [case for alert in alerts() for case in _cases(alert)],
    }


def _cases(alert: Alert) -> Iterator[dict[str, Any]]:
    minutes = _minutes(alert.rule.get("for", "0m")) + LATER_MINUTES
    fires: list[Any] = [{"value": 1, "labels": "{}"}]
    for series, samples in ((alert.fires, fires), *((it, []) for it in alert.quiet)):
        yield {
            "interval": EVALUATED,
            "input_series": [
                {"series": name, "values": value if "x" in str(value) else f"{value}x{minutes}"}
                for name, value in series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert.name}",alertstate="firing"}})',
                    "eval_time": f"{minutes}m",
                    "exp_samples": samples,
                }
            ],
        }


def _minutes(text: str) -> int:
    return int(text[:-1]) * MINUTES[text[-1]]
