"""Backups into the provider's directory: a host copies its own files there every night."""

from pyinfra import host
from pyinfra.api import deploy

from controller.audit import Look
from controller.this_run import secrets, this_fleet, this_host
from facts.sets import Sets
from fleet.values.units import KEPT_RUNNING
from operations import files, gocryptfs_key, systemd
from roles import clients
from roles.backups.found import judge
from roles.places import (
    METRICS_DIRECTORY,
    PROGRAMS,
    PYTHON,
    metrics,
    program_in_parts,
    settings,
    timer,
    unit_file,
)
from roles.templates import render

PROGRAM = f"{PROGRAMS}/backup"
COMMAND = "/usr/local/sbin/coop-backup"
SETTINGS = "/etc/coop-infra/backup.json"
CONFIG = "/etc/coop-infra/backup.gocryptfs.conf"
PASSWORD_FILE = "/etc/coop-infra/backup.password"
STATE = "/var/lib/coop-backup"
METRICS = f"{METRICS_DIRECTORY}/coop-backup.prom"
UNITS = ("coop-backup", "coop-backup-status")


@deploy("Backups")
def converge() -> None:
    directory = secrets().escrow_directory
    # Only a dry run has no escrow directory here: the inventory refuses any other run.
    if directory:
        gocryptfs_key.key(
            name="Key",
            config=CONFIG,
            password_file=PASSWORD_FILE,
            escrow=directory / host.name / "backup",
        )
    files.present(name="Files", entries=_files())
    systemd.running(
        name="Services", units=[timer(it) for it in UNITS], loaded=[f"{it}.service" for it in UNITS]
    )


def audit() -> Look | None:
    """How fresh the sets are, on a host that makes sets."""
    if this_host().backup is None:
        return None
    return Look("backups", [(Sets, {"program": f"{COMMAND} look"})], judge)


def _files() -> list[files.Entry]:
    backup, backups = this_host().backup, this_fleet().backups
    assert backup is not None
    told = {
        "store": backup.store,
        "name": host.name,
        "directories": backup.directories,
        "source": backup.source(),
        "starters": [f"{clients.RETRY}.timer"] if this_host().volume else [],
        "kept_running": [it for patterns in KEPT_RUNNING.values() for it in patterns],
        "config": CONFIG,
        "password": PASSWORD_FILE,
        "state": STATE,
        "keep": backups.keep,
        "check": backups.check_minutes * 60,
        "max_age": (backups.rpo_hours + backups.night_hours) * 3600,
        "metrics": METRICS,
    }
    values = {
        "store": backup.store,
        "at": backups.at,
        "night_hours": backups.night_hours,
        "command": COMMAND,
        "python": PYTHON,
        "program": PROGRAM,
        "settings": SETTINGS,
    }
    return [
        *program_in_parts(PROGRAM, "backup"),
        files.File(COMMAND, render(__file__, "coop-backup.j2", **values), 0o755),
        *settings(SETTINGS, told),
        files.Directory(STATE, 0o700),
        *metrics(METRICS),
        *(
            files.File(unit_file(f"{it}.{kind}"), render(__file__, f"{it}.{kind}.j2", **values))
            for it in UNITS
            for kind in ("service", "timer")
        ),
    ]
