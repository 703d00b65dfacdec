"""Drills: once a week the host that keeps the copies restores each volume on trial."""

from pathlib import Path
from typing import Any

from pyinfra.api import deploy

from controller.this_run import secrets, this_fleet, this_host
from fleet.derived.copies import copies_of
from fleet.derived.datasets import dataset_name
from fleet.hosts import Host, Site
from operations import escrow_keys, files, git, systemd
from roles import offsite, vision
from roles.places import PROGRAMS, PYTHON, program_in_parts, settings, timer, unit_file
from roles.templates import render

PROGRAM = f"{PROGRAMS}/drill"
SETTINGS = "/etc/coop-infra/drill.json"
CONFIGURATION = "/etc/coop-infra/drill"
# In memory alone: a disk of this host that is lost or thrown away opens no encrypted volume.
KEYS = "/run/coop-drill-keys"
UNIT = "coop-drill"


@deploy("Restore drills")
def converge() -> None:
    """Call this after the clients: the same run may escrow their keys."""
    git.checkouts(name="Pages", wanted=[vision.pages(it.site) for it in _with_site() if it.site])
    files.present(name="Files", entries=_files())
    hand_over()
    systemd.running(
        name="Services",
        units=[timer(UNIT)],
        # Only a drill starts nginx and PHP, where nobody else sees them.
        masked=["nginx.service", this_host().release.fpm_unit] if _with_site() else [],
        loaded=[f"{UNIT}.service"],
    )


def hand_over() -> None:
    """Bring the escrowed keys, which a host that keeps copies forgets at each boot; no others."""
    directory = secrets().escrow_directory
    encrypted = [it for it in this_fleet().hosts_with_volume() if it.volume and it.volume.encrypted]
    escrows = {it.name: directory / it.name for it in encrypted} if directory else {}
    # Only a dry run, or a fleet that needs no escrow, has no escrow directory here.
    if directory or not encrypted:
        escrow_keys.handed_over(name="Keys", directory=KEYS, escrows=escrows)


def run() -> None:
    """Make all drills now. A drill that fails fails the host."""
    systemd.finished(name="Restore drills", unit=f"{UNIT}.service")


def _with_site() -> list[Host]:
    return [it for it in this_fleet().hosts_with_volume() if it.site]


def _files() -> list[files.Entry]:
    drills = {it.name: _drill(it) for it in this_fleet().hosts_with_volume()}
    told = {
        "manifests": offsite.FETCHED,
        "show": [*PYTHON.split(), offsite.MANIFEST, "show"],
        "keys": KEYS,
        "evidence": offsite.EVIDENCE,
        "max_age": this_fleet().offsite.rpo_seconds()["offsite"],
        "drills": drills,
    }
    clients = this_fleet().clients
    values = {
        "program": f"{PYTHON} {PROGRAM} {SETTINGS}",
        "at": this_fleet().offsite.drill,
        "source": this_fleet().storage_host,
    }
    units = (f"{UNIT}.service", f"{UNIT}.timer")
    return [
        *program_in_parts(PROGRAM, "drill"),
        *settings(SETTINGS, told),
        files.Directory(str(Path(offsite.EVIDENCE).parent), 0o700),
        # These stay empty: only a drill mounts something there, where nobody else sees the mount.
        files.Directory(clients.mountpoint),
        files.Directory(clients.ciphertext),
        *(entry for it in _with_site() if it.site for entry in _site_files(it, it.site)),
        *(files.File(unit_file(it), render(__file__, f"{it}.j2", **values)) for it in units),
    ]


def _drill(host: Host) -> dict[str, Any]:
    assert host.volume is not None
    dataset = dataset_name(this_fleet(), host)
    copy = next(it for it in copies_of(this_fleet()) if dataset.startswith(f"{it.source}/"))
    return {
        "dataset": dataset,
        "target": copy.target + dataset.removeprefix(copy.source),
        "mountpoint": this_fleet().clients.mountpoint,
        "ciphertext": this_fleet().clients.ciphertext if host.volume.encrypted else None,
        "uid": host.volume.uid,
        "site": _site(host, host.site) if host.site else None,
    }


def _site(host: Host, site: Site) -> dict[str, str]:
    return {
        "name": site.name,
        "nginx": f"{CONFIGURATION}/{host.name}/nginx.conf",
        "php": f"{CONFIGURATION}/{host.name}/php-fpm.conf",
        "fpm": this_host().release.fpm,
        "uploads": vision.uploads(site),
    }


def _site_files(host: Host, site: Site) -> list[files.Entry]:
    """The site's own configuration, within the least that nginx and PHP need around it."""
    assert host.volume is not None
    own = _site(host, site)
    # This host knows users of clients by number only.
    uid = str(host.volume.uid)
    parts = {
        "server": vision.configured("nginx.conf.j2", site, https=False),
        "pool": vision.configured("pool.conf.j2", site, user=uid, https=False),
    }
    return [
        files.File(own["nginx"], render(__file__, "nginx.conf.j2", **parts)),
        files.File(own["php"], render(__file__, "php-fpm.conf.j2", **parts)),
        files.Link(f"{vision.root(site)}/files", vision.uploads(site)),
    ]
