"""Copies off-site: a host with the role offsite pulls the storage server's snapshots.

The storage server gives that host an account, which may read and send what is below the copied
datasets, through a forced command that refuses everything else: programs/offsite/source.py.
Neither side can take away what the other has.
"""

from pyinfra import host
from pyinfra.api import deploy

from controller.audit import Look
from controller.this_run import this_fleet, this_host
from facts.copies import Copies
from fleet.derived.copies import copies_of
from fleet.derived.datasets import dataset_name
from fleet.groups.offsite import OffsiteGroup
from fleet.hosts import Host
from operations import accounts, delegations, files, keys, systemd, zfs
from roles import pool
from roles.offsite.found import judge
from roles.places import (
    METRICS_DIRECTORY,
    PROGRAMS,
    PYTHON,
    metrics,
    program,
    program_in_parts,
    settings,
    timer,
    unit_file,
)
from roles.templates import render

(ACCOUNT,) = OffsiteGroup.accounts
HOME = "/var/lib/coop-offsite"
SOURCE, BOOKMARKS = f"{PROGRAMS}/offsite-source", f"{PROGRAMS}/offsite-bookmarks"
MANIFEST = f"{PROGRAMS}/offsite-manifest"
# The manifests on the storage server. The program source, which runs there, has the same path.
MANIFESTS = "/var/lib/coop-manifests"
PULL, HOLD = f"{PROGRAMS}/offsite-pull", f"{PROGRAMS}/offsite-hold"
STATUS = f"{PROGRAMS}/offsite-status"
SETTINGS = "/etc/coop-infra/offsite.json"
# Root's, and not in HOME: there the account could lead elsewhere what root writes.
SSH_CONFIG = "/etc/ssh/ssh_config.d/coop-offsite.conf"
# The manifests that pulls have fetched from the storage server, and the results of drills.
FETCHED = f"{HOME}/manifests"
EVIDENCE = "/var/lib/coop-drill/evidence.json"
METRICS = f"{METRICS_DIRECTORY}/coop-offsite.prom"
UNITS = ("coop-offsite", "coop-offsite-status")
TAKE, PRUNE, WRITE = "sanoid.service", "sanoid-prune.service", "coop-manifest.service"
TAKE_FILE = unit_file(f"{TAKE}.d/coop-infra.conf")
PRUNE_FILE = unit_file(f"{PRUNE}.d/coop-infra.conf")

KEY = keys.Pair(
    f"{HOME}/id_ed25519",
    make='ssh-keygen -q -t ed25519 -N "" -C "" -f "$new"; rm "$new.pub"',
    public='ssh-keygen -y -f "$file"',
    owner=ACCOUNT,
)

# ZFS mounts no copy here by itself, and nothing in a copy has power.
PARENT = {
    "canmount": "off",
    "mountpoint": "none",
    "readonly": "on",
    "setuid": "off",
    "exec": "off",
    "devices": "off",
}


@deploy("Key of the copies off-site")
def make_key() -> None:
    """Call this before access.converge, which admits the key on the storage server."""
    name = host.name
    accounts.service_user(name="User", user=ACCOUNT, home=HOME)
    files.present(name="Home", entries=[files.Directory(HOME, 0o700, ACCOUNT, ACCOUNT)])
    keys.own(
        name="Key",
        pair=KEY,
        known=this_fleet().pull_keys.load(),
        store=lambda key: this_fleet().pull_keys.store(name, key),
    )


def accepted() -> dict[str, tuple[str, ...]]:
    """By account, the lines of authorized_keys for the machines that log in to this host."""
    pullers = this_fleet().hosts_with_role("offsite")
    if "storage" not in this_host().roles or not pullers:
        return {}
    stored = this_fleet().pull_keys.load()
    return {ACCOUNT: tuple(_line(it, stored[it.name]) for it in pullers if it.name in stored)}


def _line(puller: Host, key: str) -> str:
    assert puller.vpn is not None
    command = " ".join([PYTHON, SOURCE, *(copy.source for copy in copies_of(this_fleet()))])
    only_from = ",".join(puller.vpn.addresses)
    return f'restrict,from="{only_from}",command="{command}" {key} {puller.name}'


@deploy("Source of copies off-site")
def serve() -> None:
    """What a pull needs on the storage server."""
    sources = [copy.source for copy in copies_of(this_fleet())]
    # The account needs a shell, because sshd starts the forced command with it.
    accounts.service_user(name="User", user=ACCOUNT, home="/", shell="/bin/sh")
    write = f"{PYTHON} {MANIFEST} write {MANIFESTS} {' '.join(sources)}"
    files.present(
        name="Programs",
        entries=[
            program(SOURCE, "offsite/source.py"),
            files.File(BOOKMARKS, render(__file__, "bookmarks.sh.j2", sources=sources), 0o755),
            _before_pruning(BOOKMARKS),
            *program_in_parts(MANIFEST, "offsite/manifest"),
            # Setgid: whatever is written there belongs to the account's group, so that the account
            # can read it.
            files.Directory(MANIFESTS, 0o2750, "root", ACCOUNT),
            files.File(unit_file(WRITE), render(__file__, f"{WRITE}.j2", command=write)),
            files.File(TAKE_FILE, render(__file__, "take.conf.j2", unit=WRITE)),
        ],
    )
    delegations.allowed(
        name="Permissions", user=ACCOUNT, datasets=sources, permissions=["hold", "send"]
    )
    systemd.running(
        name="Services",
        units=[],
        loaded=[PRUNE, TAKE, WRITE],
        drop_ins=[PRUNE_FILE, TAKE_FILE],
    )


@deploy("Copies off-site")
def converge() -> None:
    files.present(name="Files", entries=_files())
    above = f"{this_fleet().offsite.pool.name}/{this_fleet().storage.pool.name}"
    targets = [copy.target for copy in copies_of(this_fleet())]
    pool.converge([zfs.Dataset(name, PARENT) for name in (above, *targets)], undeclared=targets)
    delegations.allowed(
        name="Permissions",
        user=ACCOUNT,
        datasets=[above],
        permissions=["create", "mount", "receive"],
    )
    systemd.running(
        name="Services",
        units=[*pool.units(), *(timer(it) for it in UNITS)],
        loaded=[*(f"{it}.service" for it in UNITS), PRUNE],
        drop_ins=[PRUNE_FILE],
    )


def audit() -> Look | None:
    """How fresh the copies are, on a host that keeps them."""
    if "offsite" not in this_host().roles:
        return None
    return Look("offsite", [(Copies, {"program": f"{PYTHON} {STATUS} {SETTINGS} --look"})], judge)


def _files() -> list[files.Entry]:
    copies, source = copies_of(this_fleet()), this_fleet().storage_host
    assert source.vpn is not None
    retentions = {copy.target: copy.retention for copy in copies}
    told = {
        "host": source.name,
        "bandwidth": this_fleet().offsite.bandwidth,
        "copies": {copy.source: copy.target for copy in copies},
        "retentions": {target: it.model_dump() for target, it in retentions.items()},
        "expected": [dataset_name(this_fleet(), it) for it in this_fleet().hosts_with_volume()],
        "rpo": this_fleet().offsite.rpo_seconds(),
        "evidence": EVIDENCE,
        "proof_seconds": this_fleet().offsite.proof_days * 24 * 3600,
        "seen": f"{HOME}/seen.json",
        "stale": f"{HOME}/stale.json",
        "manifests": FETCHED,
        "metrics": METRICS,
    }
    values = {
        "account": ACCOUNT,
        "home": HOME,
        "key": KEY.file,
        "source": source,
        "address": source.vpn.addresses[0],
        "pull": f"{PYTHON} {PULL} {SETTINGS}",
        "hold": f"{PYTHON} {HOLD} {SETTINGS}",
        "status": f"{PYTHON} {STATUS} {SETTINGS}",
        "tunnel": this_fleet().vpn.unit,
    }
    return [
        files.File(SSH_CONFIG, render(__file__, "ssh_config.j2", **values)),
        # Until November 2026 this was SSH_CONFIG, which it goes before: ssh_config(5). Once every
        # host has had a run since then, this line can go.
        files.Absent(f"{HOME}/.ssh/config"),
        *program_in_parts(PULL, "offsite/pull"),
        *program_in_parts(MANIFEST, "offsite/manifest"),
        *program_in_parts(HOLD, "offsite/hold"),
        *settings(SETTINGS, told),
        *program_in_parts(STATUS, "offsite/status"),
        *metrics(METRICS),
        *(
            files.File(unit_file(f"{it}.{kind}"), render(__file__, f"{it}.{kind}.j2", **values))
            for it in UNITS
            for kind in ("service", "timer")
        ),
        pool.sanoid(retentions, takes=False),
        _before_pruning(f"{PYTHON} {HOLD} {SETTINGS}"),
    ]


def _before_pruning(command: str) -> files.File:
    """The drop-in by which sanoid prunes only after this command has succeeded."""
    return files.File(PRUNE_FILE, render(__file__, "prune.conf.j2", command=command))
