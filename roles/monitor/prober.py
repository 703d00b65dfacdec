"""Debian's blackbox exporter: what the monitor tries from outside, as anybody could.

https://github.com/prometheus/blackbox_exporter
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fleet import ROOT
from fleet.derived.targets import known_by
from fleet.hosts import Host
from fleet.model import Fleet
from operations import files, systemd
from roles.places import unit_file
from roles.templates import as_yaml, render

UNIT = "prometheus-blackbox-exporter.service"
DROP_IN = unit_file(f"{UNIT}.d/coop-infra.conf")
CONFIG = "/etc/coop-infra/blackbox.yml"
CA = "/etc/coop-infra/blackbox-ca.pem"
# For Prometheus on the same host alone.
ADDRESS = "127.0.0.1:9115"
SECONDS = 5


def entries(fleet: Fleet) -> list[files.Entry]:
    """Before the package: Debian's service listens everywhere."""
    ca = fleet.acme_server.ca
    config = as_yaml({"modules": _modules(CA if ca else None)})
    text = render(__file__, "blackbox.conf.j2", address=ADDRESS, config=CONFIG)
    found: list[files.Entry] = [files.File(CONFIG, config), files.File(DROP_IN, text)]
    return [*found, files.File(CA, (ROOT / ca).read_text())] if ca else [*found, files.Absent(CA)]


def units() -> list[systemd.Unit]:
    return [systemd.Unit(UNIT, restart_on=(DROP_IN, CONFIG, CA))]


def job(name: str, targets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What Prometheus asks of it."""
    return {
        "job_name": name,
        "metrics_path": "/probe",
        "static_configs": [*targets],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"target_label": "__address__", "replacement": ADDRESS},
        ],
    }


def target(host: Host, tried: str, module: str, **labels: str) -> dict[str, Any]:
    """tried: an address with its port, or a URL; module: by which module of CONFIG"""
    return {"targets": [tried], "labels": {**known_by(host), **labels, "__param_module": module}}


def _modules(ca: str | None) -> dict[str, Any]:
    """ca: the file of the CA of the certificates; None for those that the system trusts"""
    return {
        "port": {"prober": "tcp", "timeout": f"{SECONDS}s"},
        # Whatever it says, as nobody knows what belongs there.
        "any": _web(ca, valid_status_codes=[*range(200, 500)]),
        "page": _web(ca),
        # https://docs.bigbluebutton.org/development/api: without a call it tells its version.
        "bbb": _web(ca, fail_if_body_not_matches_regexp=["<returncode>SUCCESS<"]),
    }


def _web(ca: str | None, **more: object) -> dict[str, Any]:
    its = {"fail_if_not_ssl": True, "follow_redirects": False, **more}
    trusted = {"tls_config": {"ca_file": ca}} if ca else {}
    return {"prober": "http", "timeout": f"{SECONDS}s", "http": {**its, **trusted}}
