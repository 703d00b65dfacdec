"""A host that watches over all others, and calls who is on call. docs/monitoring.md"""

from datetime import UTC, datetime
from pathlib import Path

from pyinfra.api import deploy

from controller.audit import Finding, Look
from controller.this_run import secrets, this_fleet, this_host
from engine.several import Asked
from facts.configurations import Configuration, ConfigurationState
from facts.systemd import Units, UnitsState
from fleet.derived.targets import watched
from fleet.secret_kinds.calls import MAIL, MAIL_PASSWORD
from operations import configurations, files, systemd
from roles.monitor import alertmanager, alerts, calls, pages, prober, prometheus
from roles.monitor.known import known
from roles.monitor.prometheus import address_of
from roles.places import unit_file
from roles.templates import as_yaml, render

PROMETHEUS, ALERTMANAGER = "prometheus.service", "prometheus-alertmanager.service"
DROP_IN, ITS_DROP_IN = (unit_file(f"{it}.d/coop-infra.conf") for it in (PROMETHEUS, ALERTMANAGER))
PLACE, ITS_PLACE = "/etc/coop-infra/prometheus", "/etc/coop-infra/alertmanager"
UNITS = (ALERTMANAGER, PROMETHEUS, *calls.UNITS, prober.UNIT)
CONFIG, ALERTS, KNOWN, TESTS = "prometheus.yml", "alerts.yml", "known.yml", "tests.yml"
NAMES = (CONFIG, ALERTS, KNOWN, TESTS, *pages.ALL)
ITS_CONFIG, TEMPLATE = "alertmanager.yml", "mail.tmpl"
ITS_NAMES = (ITS_CONFIG, TEMPLATE)
# In a dry run, which needs no secrets.
NOT_KNOWN = "not-set@example.invalid"
NOBODY_MINUTES = 15
CHECK = (
    f"promtool check config --lint=all --lint-fatal {CONFIG} && "
    f"promtool check rules --lint=all --lint-fatal {ALERTS} {KNOWN} && "
    f"promtool test rules {TESTS}"
)


@deploy("Monitor, before its packages")
def restrain() -> None:
    """From their first moment on all of them listen within the VPN alone."""
    files.present(name="Files", entries=[*_drop_ins(), *prober.entries(this_fleet())])


@deploy("Monitor")
def converge() -> None:
    # First: Alertmanager would have no way to the room.
    files.present(name="Calls", entries=calls.entries(*_urls(), _first()))
    # Then: Prometheus would have nobody to tell. Only a dry run may have nobody on call here: the
    # inventory refuses any other run.
    if this_fleet().oncall:
        configurations.checked(
            name="Alertmanager", daemon=_alertmanager(), texts=its_texts, secret=[ITS_CONFIG]
        )
    configurations.checked(name="Prometheus", daemon=_prometheus(), texts=texts)
    systemd.running(
        name="Services",
        units=[
            systemd.Unit(ALERTMANAGER, restart_on=(ITS_DROP_IN,)),
            systemd.Unit(PROMETHEUS, restart_on=(DROP_IN,)),
            *calls.units(),
            *prober.units(),
        ],
        loaded=[f"{calls.HANDOVER}.service"],
    )


def audit() -> Look | None:
    """Whether both run, on their present configurations."""
    if "monitor" not in this_host().roles:
        return None
    asked: list[Asked] = [(Units, {"units": UNITS, "files": []})]
    asked += [
        (Configuration, {"place": it.place, "url": it.url})
        for it in (_alertmanager(), _prometheus())
    ]
    return Look("monitor", asked, judge)


def judge(units: UnitsState, its: ConfigurationState, now: ConfigurationState) -> Finding:
    """its: Alertmanager's configuration; now: Prometheus'"""
    down = units.down(UNITS)
    drift = [f"{it} does not run" for it in down]
    for unit, place, names, state in (
        (ALERTMANAGER, ITS_PLACE, ITS_NAMES, its),
        (PROMETHEUS, PLACE, NAMES, now),
    ):
        if not state.in_force:
            drift.append(f"{unit} does not run on its present configuration")
        if state.files.keys() != {*names}:
            drift.append(f"{place} has other files than it should have")
    return Finding({"down": down, "in_force": its.in_force and now.in_force}, drift=drift)


def texts() -> dict[str, str]:
    """The files of the configuration, by name."""
    oncall = this_fleet().oncall
    escalate = oncall.escalate_minutes if oncall else NOBODY_MINUTES
    return {
        CONFIG: as_yaml(prometheus.config(this_fleet(), this_host(), [KNOWN, ALERTS])),
        ALERTS: as_yaml(alerts.rules(this_fleet().monitor.runbooks, escalate)),
        KNOWN: as_yaml(known(this_fleet(), datetime.now(UTC))),
        TESTS: as_yaml(alerts.tests(ALERTS, escalate)),
        **pages.pages(this_fleet(), this_host()),
    }


def its_texts() -> dict[str, str]:
    """Alertmanager's, by name."""
    fleet, secret = this_fleet(), secrets()
    assert fleet.oncall is not None
    found = alertmanager.config(
        fleet.oncall,
        datetime.now(UTC),
        server=fleet.mail_server(fleet.monitor.mail),
        watchers=[
            f"http://{address_of(it)}:{fleet.watcher.port}/" for it in watched(fleet, "watcher")
        ],
        password=secret.get(MAIL_PASSWORD.variable) or NOT_KNOWN,
        address=lambda person: secret.get(MAIL.of(person)) or NOT_KNOWN,
        room=calls.HOOK if fleet.room else None,
        repeat_hours=fleet.monitor.repeat_hours,
    )
    template = (Path(__file__).parent / TEMPLATE).read_text()
    return {ITS_CONFIG: as_yaml(found), TEMPLATE: template}


def _prometheus() -> configurations.Daemon:
    url, _ = _urls()
    return configurations.Daemon(PROMETHEUS, PLACE, f"{url}/metrics", CHECK, group="prometheus")


def _alertmanager() -> configurations.Daemon:
    _, url = _urls()
    check = f"amtool check-config {ITS_CONFIG}"
    return configurations.Daemon(
        ALERTMANAGER, ITS_PLACE, f"{url}/metrics", check, group="prometheus"
    )


def _urls() -> tuple[str, str]:
    """Where Prometheus and Alertmanager of this host answer."""
    monitor, address = this_fleet().monitor, address_of(this_host())
    return f"http://{address}:{monitor.port}", f"http://{address}:{monitor.alertmanager}"


def _first() -> list[str]:
    """The monitors whose names come before this one's."""
    names = [it.name for it in prometheus.monitors(this_fleet(), this_host())]
    return names[: names.index(this_host().name)]


def _drop_ins() -> list[files.Entry]:
    monitor = this_fleet().monitor
    common = {"tunnel": this_fleet().vpn.unit, "address": address_of(this_host())}
    text = render(
        __file__,
        "prometheus.conf.j2",
        place=PLACE,
        port=monitor.port,
        days=monitor.retention_days,
        size=monitor.retention_size,
        **common,
    )
    others = [
        it for it in prometheus.monitors(this_fleet(), this_host()) if it.name != this_host().name
    ]
    its = render(
        __file__,
        "alertmanager.conf.j2",
        place=ITS_PLACE,
        port=monitor.alertmanager,
        listen=f"{address_of(this_host())}:{monitor.peers}" if others else "",
        peers=[f"{address_of(it)}:{monitor.peers}" for it in others],
        **common,
    )
    return [files.File(DROP_IN, text), files.File(ITS_DROP_IN, its)]
