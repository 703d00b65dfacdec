"""Recordings of a node: handed over to its volume, compared there, and let expire."""

from pyinfra.api import deploy

from controller.audit import Look
from controller.this_run import this_fleet, this_host
from facts.recordings import Recordings
from fleet.derived.bbb import is_left_alone, node_of
from operations import files, systemd
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
from roles.recordings.found import judge
from roles.templates import render

PROGRAM = f"{PROGRAMS}/recordings"
COMMAND = "/usr/local/sbin/coop-recordings"
SETTINGS = "/etc/coop-infra/recordings.json"
STATE = "/var/lib/coop-recordings"
SPOOL = "/var/spool/coop-recordings"
METRICS = f"{METRICS_DIRECTORY}/coop-recordings.prom"
UNIT = "coop-recordings"
# BigBlueButton's account, and where it keeps recordings.
ACCOUNT = "bigbluebutton"
RECORDINGS = "/var/bigbluebutton"
DAY = 24 * 3600


@deploy("Recordings")
def converge() -> None:
    """The account has to be there."""
    files.present(name="Files", entries=_files())
    systemd.running(name="Services", units=[timer(UNIT)], loaded=[f"{UNIT}.service"])


def audit() -> Look | None:
    """What waits to be handed over, on a node that runs change."""
    if this_host().bbb is None or is_left_alone(this_fleet(), this_host()):
        return None
    return Look("recordings", [(Recordings, {"program": f"{COMMAND} look"})], judge)


def _files() -> list[files.Entry]:
    kept, group, host = node_of(this_host()).recordings, this_fleet().bbb, this_host()
    volume = host.volume and {
        "at": this_fleet().clients.mountpoint,
        "filesystem": "fuse.gocryptfs" if host.volume.encrypted else "nfs4",
        "uid": host.volume.uid,
    }
    told = {
        "recordings": RECORDINGS,
        "account": ACCOUNT,
        "formats": kept.formats,
        "spool": SPOOL,
        "state": STATE,
        "volume": volume,
        "room": group.spool_room,
        "days": {
            "raw": kept.raw_days,
            "published": kept.published_days,
            "volume": kept.volume_days,
            "deleted": group.deleted_days,
        },
        "max_age": group.spool_max_days * DAY,
        "metrics": METRICS,
    }
    values = {"command": COMMAND, "python": PYTHON, "program": PROGRAM, "settings": SETTINGS}
    names = (f"{UNIT}.service", f"{UNIT}.timer")
    return [
        *program_in_parts(PROGRAM, "recordings"),
        files.File(COMMAND, render(__file__, "coop-recordings.j2", **values), 0o755),
        *settings(SETTINGS, told),
        files.Directory(STATE),
        files.Directory(SPOOL, 0o750, owner=ACCOUNT, group=ACCOUNT),
        *metrics_directory(),
        *(files.File(unit_file(it), render(__file__, f"{it}.j2", **values)) for it in names),
    ]
