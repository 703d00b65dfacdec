"""What goes out beside Alertmanager's mail: words in a room of Matrix, notes at hand-overs."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.this_run import secrets, this_fleet
from fleet.derived.intervals import horizon
from fleet.derived.oncall import turns, zones
from fleet.model import Fleet
from fleet.oncall import OnCall
from fleet.secret_kinds.calls import MAIL_PASSWORD, MATRIX_TOKEN
from operations import files, systemd
from roles.mail import account
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

MATRIX, HANDOVER = "coop-matrix", "coop-handover"
UNITS = (f"{MATRIX}.service", f"{HANDOVER}.timer")
# For Alertmanager on the same host alone.
ADDRESS, PORT = "127.0.0.1", 9096
HOOK = f"http://{ADDRESS}:{PORT}/"
STATE = "/var/lib/coop-infra/handover"
PLACE = "/etc/coop-infra"
_PROGRAMS = {MATRIX: f"{PROGRAMS}/matrix", HANDOVER: f"{PROGRAMS}/handover"}


def entries(prometheus: str, alertmanager: str, first: Sequence[str]) -> list[files.Entry]:
    """prometheus, alertmanager: their URLs; first: the monitors that tell of a hand-over first"""
    fleet = this_fleet()
    told: dict[str, Mapping[str, object]] = {
        MATRIX: {"address": ADDRESS, "port": PORT},
        HANDOVER: {
            "prometheus": prometheus,
            "alertmanager": alertmanager,
            "metrics": f"{METRICS_DIRECTORY}/coop-handover.prom",
            "state": f"{STATE}/told.json",
            "first": first,
            **_oncall(fleet),
        },
    }
    room = _room(fleet)
    hidden: dict[str, object] = {
        MATRIX: room,
        HANDOVER: {"mail": account(fleet.monitor.mail, MAIL_PASSWORD), "matrix": room},
    }
    return [
        *(part for name in told for part in _entries(name, told[name], hidden[name])),
        *metrics_directory(),
        files.Directory(STATE),
        *(files.File(unit_file(it), _unit(it)) for it in (*UNITS, f"{HANDOVER}.service")),
    ]


def units() -> list[systemd.Unit]:
    parts = [it.path for it in _parts(MATRIX) if isinstance(it, files.File)]
    read = (*parts, _settings(MATRIX), _secrets(MATRIX), unit_file(f"{MATRIX}.service"))
    return [systemd.Unit(f"{MATRIX}.service", restart_on=read), timer(HANDOVER)]


def _entries(name: str, told: Mapping[str, Any], hidden: object) -> list[files.Entry]:
    return [
        *_parts(name),
        *settings(_settings(name), told),
        files.File(_secrets(name), json.dumps(hidden, indent=2) + "\n", 0o600, secret=True),
    ]


def _parts(name: str) -> list[files.Entry]:
    program = _PROGRAMS[name]
    return program_in_parts(program, program.rpartition("/")[2])


def _oncall(fleet: Fleet) -> dict[str, object]:
    oncall = fleet.oncall
    return {
        "turns": _turns(oncall) if oncall else [],
        "people": {name: it.people for name, it in oncall.teams.items()} if oncall else {},
        "zones": [it.key for it in zones(oncall)] if oncall else [],
        "maintenance": [
            (it.name, int(it.maintenance.until.timestamp()), it.maintenance.why)
            for it in fleet.hosts.values()
            if it.maintenance
        ],
    }


def _turns(oncall: OnCall) -> list[tuple[int, int, str]]:
    """As Alertmanager has them too, and those before: the horizon's begin is no hand-over."""
    since, until = horizon(datetime.now(UTC))
    return [
        (int(it.since.timestamp()), int(it.until.timestamp()), it.teams[0])
        for it in turns(oncall, since - timedelta(days=3), until)
    ]


def _room(fleet: Fleet) -> dict[str, str] | None:
    if not fleet.room:
        return None
    return {**fleet.room.model_dump(), "token": secrets().get(MATRIX_TOKEN.variable) or ""}


def _unit(name: str) -> str:
    its = name.partition(".")[0]
    values = {"program": _PROGRAMS[its], "settings": _settings(its), "secrets": _secrets(its)}
    return render(__file__, f"{name}.j2", python=PYTHON, **values)


def _settings(name: str) -> str:
    return f"{PLACE}/{name}.json"


def _secrets(name: str) -> str:
    return f"{PLACE}/{name}.secrets.json"
