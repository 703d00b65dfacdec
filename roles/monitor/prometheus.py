"""Whom Prometheus asks: https://prometheus.io/docs/prometheus/latest/configuration/configuration/"""

from collections.abc import Sequence
from typing import Any

from fleet.derived.targets import watched
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
            _job("node", watched(fleet), fleet.exporters.port),
            _job("watcher", watched(fleet, "watcher"), fleet.watcher.port),
            _job("prometheus", both, its.port),
            _job("alertmanager", both, its.alertmanager),
            *outside.jobs(fleet, here),
            _local("prober", here, prober.ADDRESS),
            _local("room", here, f"{calls.ADDRESS}:{calls.PORT}"),
        ],
    }


def monitors(fleet: Fleet, here: Host) -> list[Host]:
    """All monitors that have had a run, and this one, in the order of their names."""
    others = [it for it in watched(fleet, "monitor") if it.name != here.name]
    return sorted([*others, here], key=lambda it: it.name)


def _job(name: str, hosts: Sequence[Host], port: int) -> dict[str, Any]:
    return {"job_name": name, "static_configs": [_target(it, port) for it in hosts]}


def _local(name: str, here: Host, address: str) -> dict[str, Any]:
    """What listens on the monitor for itself alone."""
    its = {"targets": [address], "labels": {"host": here.name}}
    return {"job_name": name, "static_configs": [its]}


def _target(host: Host, port: int) -> dict[str, Any]:
    # Dashboards of others go by instance, alerts and people by host.
    labels = {"host": host.name, "instance": host.name, "environment": host.environment}
    return {"targets": [f"{address_of(host)}:{port}"], "labels": labels}


def address_of(host: Host) -> str:
    """Its IPv4 address in the VPN."""
    assert host.vpn is not None
    return host.vpn.addresses[0]
