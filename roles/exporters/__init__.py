"""A host's own figures, for Prometheus: by node_exporter, and by a program for all that is ours."""

from datetime import UTC, datetime

from pyinfra.api import deploy

from controller.audit import Finding, Look
from controller.this_run import this_fleet, this_host
from facts.systemd import Units, UnitsState
from fleet.derived.access import accounts_on
from fleet.derived.datasets import dataset_name
from fleet.derived.exports import exports_of
from fleet.derived.vpn import alone, used_servers
from fleet.groups import POOLED
from fleet.hosts import Host, HostVpn
from operations import files, systemd
from roles import bbb, clients
from roles.firewall.parts import TABLE
from roles.places import (
    METRICS_DIRECTORY,
    PROGRAMS,
    PYTHON,
    metrics_directory,
    program_in_parts,
    settings,
    timer,
    unit_file,
)
from roles.templates import render

EXPORTER = "prometheus-node-exporter.service"
DROP_IN = unit_file(f"{EXPORTER}.d/coop-infra.conf")
PROGRAM = f"{PROGRAMS}/metrics"
SETTINGS = "/etc/coop-infra/metrics.json"
METRICS = f"{METRICS_DIRECTORY}/coop-host.prom"
# Locks end with a boot, as the commands do that have them.
LOCKS = "/run/coop-metrics"
UNIT = "coop-metrics"
UNITS = (EXPORTER, f"{UNIT}.timer")


@deploy("Exporters, before their packages")
def restrain() -> None:
    """From its first moment on the exporter listens within the VPN alone."""
    files.present(name="Files", entries=[_drop_in()])


@deploy("Exporters")
def converge() -> None:
    """Last on a host: what an earlier step refuses, the program does not expect either."""
    files.present(name="Files", entries=_files())
    systemd.running(
        name="Services",
        units=[systemd.Unit(EXPORTER, restart_on=(DROP_IN,)), timer(UNIT)],
        loaded=[f"{UNIT}.service"],
    )


def audit() -> Look | None:
    """Whether the host shows its figures, on a host in the VPN."""
    if this_host().vpn is None:
        return None
    return Look("exporters", [(Units, {"units": UNITS, "files": []})], judge)


def judge(now: UnitsState) -> Finding:
    down = now.down(UNITS)
    return Finding({"down": down}, drift=[f"{it} does not run" for it in down])


def _values() -> dict[str, object]:
    return {
        # 22.04's exporter takes one address.
        "address": _vpn(this_host()).addresses[0],
        "port": this_fleet().exporters.port,
        "tunnel": this_fleet().vpn.unit,
        "metrics": METRICS_DIRECTORY,
        "python": PYTHON,
        "program": PROGRAM,
        "settings": SETTINGS,
    }


def _drop_in() -> files.File:
    return files.File(DROP_IN, render(__file__, "exporter.conf.j2", **_values()))


def _files() -> list[files.Entry]:
    names = (f"{UNIT}.service", f"{UNIT}.timer")
    return [
        *program_in_parts(PROGRAM, "metrics"),
        *settings(SETTINGS, _told()),
        *metrics_directory(),
        *(files.File(unit_file(it), render(__file__, f"{it}.j2", **_values())) for it in names),
    ]


def _told() -> dict[str, object]:
    """What the host should have: programs/metrics/__init__.py.

    Sorted, so that another order in the inventory changes nothing.
    """
    fleet, host = this_fleet(), this_host()
    # Of the storage server alone: each of these goes through the whole fleet.
    serves = "storage" in host.roles
    volumes = fleet.hosts_with_volume() if serves else []
    exports = exports_of(fleet) if serves else []
    pooled = any(it in POOLED for it in host.roles)
    return {
        "file": METRICS,
        "locks": LOCKS,
        "pool": fleet.pool_group(host).pool.name if pooled else None,
        "module": "zfs" if pooled else None,
        "datasets": sorted(dataset_name(fleet, it) for it in volumes),
        "exports": sorted((it.path, it.client) for it in exports),
        "mounts": clients.mountpoints() if host.volume else {},
        "interface": fleet.vpn.interface,
        "peers": {alone(_vpn(it).addresses[0]): it.name for it in used_servers(fleet, host)},
        "bbb": bbb.COMMAND if host.bbb else None,
        "table": f"inet {TABLE}",
        "accounts": [
            it.name
            for it in accounts_on(fleet.people.values(), host, datetime.now(UTC))
            if it.expires
        ],
    }


def _vpn(host: Host) -> HostVpn:
    assert host.vpn is not None
    return host.vpn
