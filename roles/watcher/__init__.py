"""A host that calls everybody when a monitor is silent. docs/monitoring.md"""

import json

from pyinfra.api import deploy

from controller.audit import Finding, Look
from controller.this_run import this_fleet, this_host
from facts.systemd import Units, UnitsState
from fleet.secret_kinds.calls import WATCHER_MAIL_PASSWORD
from operations import files, systemd
from roles.mail import account
from roles.places import PROGRAMS, PYTHON, program_in_parts, settings, unit_file
from roles.templates import render

UNIT = "coop-watcher.service"
PROGRAM = f"{PROGRAMS}/watcher"
SETTINGS = "/etc/coop-infra/watcher.json"
SECRETS = "/etc/coop-infra/watcher.secrets.json"


@deploy("Watcher")
def converge() -> None:
    entries = _files()
    files.present(name="Files", entries=entries)
    paths = tuple(it.path for it in entries if isinstance(it, files.File))
    systemd.running(name="Services", units=[systemd.Unit(UNIT, restart_on=paths)])


def audit() -> Look | None:
    """Whether the watcher listens."""
    if "watcher" not in this_host().roles:
        return None
    return Look("watcher", [(Units, {"units": (UNIT,), "files": []})], judge)


def judge(now: UnitsState) -> Finding:
    down = now.down((UNIT,))
    return Finding({"down": down}, drift=[f"{it} does not run" for it in down])


def _files() -> list[files.Entry]:
    fleet = this_fleet()
    vpn = this_host().vpn
    assert vpn is not None
    told = {
        "address": vpn.addresses[0],
        "port": fleet.watcher.port,
        # Those without a run too: who declares a monitor is to hear that it does not work yet.
        "monitors": sorted(it.name for it in fleet.hosts_with_role("monitor")),
        "seconds": fleet.watcher.silence_minutes * 60,
        "page": f"{fleet.monitor.runbooks}Watchdog.md",
    }
    values = {
        "tunnel": fleet.vpn.unit,
        "python": PYTHON,
        "program": PROGRAM,
        "settings": SETTINGS,
        "secrets": SECRETS,
    }
    return [
        *program_in_parts(PROGRAM, "watcher"),
        *settings(SETTINGS, told),
        files.File(SECRETS, json.dumps(_secrets(), indent=2) + "\n", 0o600, secret=True),
        files.File(unit_file(UNIT), render(__file__, "coop-watcher.service.j2", **values)),
    ]


def _secrets() -> dict[str, object]:
    mail = account(this_fleet().watcher.mail, WATCHER_MAIL_PASSWORD)
    return {"mail": {**mail, "to": [*mail["to"].values()]}}
