"""Tries from the monitor whether SSH of each host is as open to the network as the data says.

By Debian's blackbox exporter: https://github.com/prometheus/blackbox_exporter
"""

from collections.abc import Sequence
from typing import Any

from fleet.derived.targets import watched
from fleet.hosts import Host
from fleet.model import Fleet
from operations import files, systemd
from roles.places import unit_file
from roles.templates import render

UNIT = "prometheus-blackbox-exporter.service"
DROP_IN = unit_file(f"{UNIT}.d/coop-infra.conf")
CONFIG = "/etc/coop-infra/blackbox.yml"
# For Prometheus on the same host alone.
ADDRESS = "127.0.0.1:9115"
TEXT = """\
# Written as a whole by pyinfra: an edit here is lost.
modules:
  tcp4:
    prober: tcp
    timeout: 5s
    tcp: {preferred_ip_protocol: ip4, ip_protocol_fallback: false}
  tcp6:
    prober: tcp
    timeout: 5s
    tcp: {preferred_ip_protocol: ip6, ip_protocol_fallback: false}
"""


def entries() -> list[files.Entry]:
    """Before the package: Debian's service listens everywhere."""
    text = render(__file__, "blackbox.conf.j2", address=ADDRESS, config=CONFIG)
    return [files.File(CONFIG, TEXT), files.File(DROP_IN, text)]


def units() -> list[systemd.Unit]:
    return [systemd.Unit(UNIT, restart_on=(DROP_IN, CONFIG))]


def job(fleet: Fleet, here: Host) -> dict[str, Any]:
    """What Prometheus asks of it. here: the monitor, which does not reach itself from outside"""
    return {
        "job_name": "outside",
        "metrics_path": "/probe",
        "static_configs": _targets([it for it in watched(fleet) if it.name != here.name]),
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"target_label": "__address__", "replacement": ADDRESS},
        ],
    }


def _targets(hosts: Sequence[Host]) -> list[dict[str, Any]]:
    return [
        {
            "targets": [_target(it)],
            "labels": {
                "host": it.name,
                "instance": it.name,
                "environment": it.environment,
                "expected": "closed" if it.only_by_vpn else "open",
                "__param_module": "tcp6" if ":" in it.address else "tcp4",
            },
        }
        for it in hosts
    ]


def _target(host: Host) -> str:
    address = f"[{host.address}]" if ":" in host.address else host.address
    return f"{address}:{host.ssh_port}"
