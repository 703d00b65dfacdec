"""Whom Prometheus asks: https://prometheus.io/docs/prometheus/latest/configuration/configuration/"""

from collections.abc import Sequence
from typing import Any

from fleet.derived.targets import known_by, watched
from fleet.hosts import Host
from fleet.model import Fleet
from roles.monitor import calls, outside, prober

# The label that says which monitor an alert comes from.
MONITOR = "monitor"
LONGEST_SECONDS = 10


def config(fleet: Fleet, here: Host, rules: Sequence[str]) -> dict[str, Any]:
    """The whole configuration. here: the monitor; rules: the names of its files of rules"""
    its, seconds = fleet.monitor, fleet.monitor.scrape_seconds
    both = monitors(fleet, here)
    return {
        "global": {
            "scrape_interval": f"{seconds}s",
            "scrape_timeout": f"{min(seconds, LONGEST_SECONDS)}s",
            "evaluation_interval": f"{seconds}s",
            "external_labels": {MONITOR: here.name},
        },
        "rule_files": [*rules],
        "alerting": {
            # What two monitors tell of one thing is one alert.
            "alert_relabel_configs": [{"action": "labeldrop", "regex": MONITOR}],
            "alertmanagers": [
                # Each tells all Alertmanagers, and these agree who sends the message.
                {
                    "static_configs": [
                        {"targets": [f"{address_of(it)}:{its.alertmanager}" for it in both]}
                    ]
                }
            ],
        },
        "scrape_configs": [
            *_jobs(fleet, here),
            *outside.jobs(fleet, here),
            _local("prober", here, prober.ADDRESS),
            _local("room", here, f"{calls.ADDRESS}:{calls.PORT}"),
        ],
    }


def monitors(fleet: Fleet, here: Host) -> list[Host]:
    """All monitors that have had a run, and this one, in the order of their names."""
    return [it for it in _asked(fleet, here) if "monitor" in it.roles]


def _asked(fleet: Fleet, here: Host) -> list[Host]:
    """The hosts that have had a run, and this one, in the order of their names."""
    others = [it for it in watched(fleet) if it.name != here.name]
    return sorted([*others, here], key=lambda it: it.name)


def _jobs(fleet: Fleet, here: Host) -> list[dict[str, Any]]:
    """What groups say that there is to ask: fleet/ports.py."""
    found: dict[str, list[dict[str, Any]]] = {}
    for host in _asked(fleet, here):
        for group in host.groups:
            for port in fleet.group(group).ports:
                if port.job:
                    found.setdefault(port.job, []).append(_target(host, port.number))
    return [{"job_name": it, "static_configs": found[it]} for it in sorted(found)]


def _local(name: str, here: Host, address: str) -> dict[str, Any]:
    """What listens on the monitor for itself alone."""
    its = {"targets": [address], "labels": {"host": here.name}}
    return {"job_name": name, "static_configs": [its]}


def _target(host: Host, port: int) -> dict[str, Any]:
    return {"targets": [f"{address_of(host)}:{port}"], "labels": known_by(host)}


def address_of(host: Host) -> str:
    """Its IPv4 address in the VPN."""
    assert host.vpn is not None
    return host.vpn.addresses[0]
