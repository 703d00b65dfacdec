"""What root writes below directories that others than root can change, in whose name, and how.

Every operation that a role calls is here, with the paths that it writes. A path below a directory
of somebody else's is in EXPECTED only once a person has seen that nobody leads it elsewhere.
"""

import json
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from pyinfra import host

import operations
from facts.gocryptfs import Places
from fleet import ROOT
from operations.access.wanted import Wanted
from operations.files import Absent, Directory, Entry, File
from tests.unit.deploy_here import deploy, run_of
from tests.unit.fleet_samples import HUB, OFFSITE, sample, write

Call = tuple[str, dict[str, Any]]
Write = tuple[str, str]

# How a path is written: in the name of an account, or
ROOTS = "with root's powers, along the path"
GONE = "removed where no link leads: operations.parties.GONE"
NEW = "made where nothing is, in the mount's own root: open(2), O_EXCL"

BACKUP = {
    "store": "192.0.2.99:/backup",
    "directories": ["/etc"],
    "quiesce": [],
}
# Directories of others than root that no role makes: Debian's package prometheus-node-exporter.
DEBIANS = {"/var/lib/prometheus"}


def entries(of: Iterable[Entry], by: str = "root") -> Iterator[Write]:
    for it in of:
        how = GONE if isinstance(it, Absent) else ROOTS if by == "root" else by
        yield it.path, how


def access(wanted: Wanted, **_: Any) -> Iterator[Write]:
    yield from entries(wanted.entries)
    for it in wanted.accounts:
        yield f"/home/{it.name}/.ssh/authorized_keys", GONE


def volume(at: Places, **_: Any) -> Iterator[Write]:
    yield at.config, ROOTS
    yield at.password_file, ROOTS
    for name in ("gocryptfs.conf", "gocryptfs.diriv"):
        yield f"{at.ciphertext}/{name}", NEW


# By operation, what it writes.
WRITES: dict[str, Callable[..., Iterable[Write]]] = {
    "access.people": access,
    "certificates.none": lambda settings, **_: [(settings, GONE)],
    "certificates.ready": lambda bundle, **_: [(bundle, ROOTS)],
    "configurations.checked": lambda daemon, **_: [(daemon.place, ROOTS)],
    "escrow_keys.handed_over": lambda directory, **_: [(directory, ROOTS)],
    "files.present": lambda entries, by="root", **_: globals()["entries"](entries, by),
    "git.checkouts": lambda wanted, **_: [(it.path, ROOTS) for it in wanted],
    "gocryptfs.volume": volume,
    "gocryptfs_key.key": lambda config, password_file, **_: [
        (config, ROOTS),
        (password_file, ROOTS),
    ],
    "keys.own": lambda pair, **_: [(pair.file, ROOTS if pair.owner == "root" else pair.owner)],
    "mounts.sealed": lambda filesystems, **_: [(it, ROOTS) for it in filesystems],
    "nftables.table": lambda file, **_: [(file, ROOTS)],
    # The owner of a dataset's root directory.
    "zfs.datasets": lambda wanted, **_: [(f"/{it.name}", ROOTS) for it in wanted if it.owner],
}
# They write nothing, or in /etc and /var/lib/coop-infra alone, or call programs that know their
# places.
ELSEWHERE = {
    "accounts.reserved",
    "accounts.service_user",
    "bbb.behind_haproxy",
    "bbb.node",
    "bbb.not_renamed",
    "certificates.served",
    "system.kernels_have",
    "system.release",
    "delegations.allowed",
    "directories.not_renamed",
    "gocryptfs.none",
    "gocryptfs.plain",
    "health.healthy",
    "nfs.exports",
    "packages.installed",
    "pools.pool",
    "systemd.running",
    "wireguard.interface",
}


def others(calls: Iterable[Call]) -> set[str]:
    """The directories on this host that others than root can change."""
    found = set(DEBIANS)
    for name, values in calls:
        match name:
            case "files.present":
                made = [it for it in values["entries"] if isinstance(it, Directory)]
                found |= {it.path for it in made if it.owner != "root" or it.mode & 0o022}
            case "accounts.reserved":
                found |= {it.home for it in values["users"]} - {"/nonexistent"}
            case "accounts.service_user":
                found |= {values.get("home", "/nonexistent")} - {"/", "/nonexistent"}
            case "access.people":
                found |= {f"/home/{it.name}" for it in values["wanted"].accounts}
            case "mounts.sealed":
                found |= set(values["filesystems"])
            case "zfs.datasets":
                found |= {f"/{it.name}" for it in values["wanted"] if it.owner}
    return found


def below(path: str, places: Iterable[str]) -> bool:
    return any(str(up) in places for up in PurePosixPath(path).parents)


def told(calls: Iterable[Call]) -> Iterator[Write]:
    """The paths that root tells its programs, and the settings that tell them."""
    for name, values in calls:
        for it in values["entries"] if name == "files.present" else []:
            if isinstance(it, File) and it.path.endswith(".json"):
                for path, key in _paths(json.loads(it.content)):
                    yield path, f"told to programs by {it.path} as {key}"


def _paths(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """The absolute paths in these settings, however deep, each with the names that lead there."""
    match value:
        case str() if value.startswith("/"):
            yield value, key
        case dict():
            for name, each in value.items():
                yield from _paths(name, key)
                yield from _paths(each, key if name.startswith("/") else f"{key}.{name}".strip("."))
        case list():
            for each in value:
                yield from _paths(each, key)


EXPECTED = {
    # The volume's owner owns all that is mounted there.
    ("/media/storage/persistent_SITE", "vision"),
    ("/media/storage/persistent_SITE/00000000-000000.txt", "vision"),
    ("/media/ciphertext/gocryptfs.conf", NEW),
    ("/media/ciphertext/gocryptfs.diriv", NEW),
    ("/var/lib/coop-offsite/id_ed25519", "coop-pull"),
    ("/var/lib/coop-offsite/.ssh/config", GONE),
    ("/home/PERSON/.ssh/authorized_keys", GONE),
    ("/var/lib/prometheus/node-exporter/coop-backup.new", GONE),
    ("/var/lib/prometheus/node-exporter/coop-backup.prom", GONE),
    ("/var/lib/prometheus/node-exporter/coop-offsite.new", GONE),
    ("/var/lib/prometheus/node-exporter/coop-offsite.prom", GONE),
    # A pull writes these, as the account. Root reads them, and removes `stale`, which lies in a
    # directory that the account cannot move.
    ("/var/lib/coop-offsite/seen.json", "told to programs by /etc/coop-infra/offsite.json as seen"),
    (
        "/var/lib/coop-offsite/stale.json",
        "told to programs by /etc/coop-infra/offsite.json as stale",
    ),
    *(
        ("/var/lib/coop-offsite/manifests", f"told to programs by {it} as manifests")
        for it in ("/etc/coop-infra/offsite.json", "/etc/coop-infra/drill.json")
    ),
    # Only looked at.
    *(
        (path, f"told to programs by /etc/coop-infra/metrics.json as {key}")
        for path, key in (
            ("/media/storage", "mounts"),
            ("/media/ciphertext", "mounts"),
            ("/storage/ENVIRONMENT/HOST", "exports"),
        )
    ),
}
PATCHES = "told to programs by /var/lib/coop-infra/bbb/wanted.json as patches.path"
OF_NODES = {
    # Each part acts in the name of whoever owns the place.
    ("/var/spool/coop-recordings", "told to programs by /etc/coop-infra/recordings.json as spool"),
    ("/media/storage", "told to programs by /etc/coop-infra/recordings.json as volume.at"),
    # With the powers of whoever owns what lies there: programs/bbb/files.py.
    *(
        (f"/opt/freeswitch/etc/freeswitch/{it}.xml", PATCHES)
        for it in (
            "autoload_configs/event_socket.conf",
            "sip_profiles/external-ipv6",
            "sip_profiles/external",
            "sip_profiles/internal-ipv6",
            "vars",
        )
    ),
}


@pytest.fixture(params=["sample", "lab"])
def calls(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[Call]]:
    """By host, the operations that deploy.py calls."""
    data = sample(offsite1=OFFSITE, vpn1=HUB, stg1__backup=BACKUP)
    if request.param == "lab":
        data = yaml.safe_load((ROOT / "inventories/lab.yml").read_text())
        for it in data["hosts"].values():
            # Only the lab itself may have it.
            del it["lab"]
    found: dict[str, list[Call]] = defaultdict(list)
    with run_of(str(write(tmp_path, data)), tmp_path, monkeypatch) as state:
        for name, module, operation in _operations():
            monkeypatch.setattr(module, operation, partial(_record, found, name))
        for each in state.inventory:
            deploy(state, each.name)
    return found


def _record(found: dict[str, list[Call]], operation: str, **values: Any) -> None:
    if operation == "access.people":
        # It has to be asked while pyinfra is at this host.
        values["wanted"] = values["wanted"]()
    found[host.name].append((operation, values))


def _operations() -> Iterator[tuple[str, Any, str]]:
    for it in pkgutil.iter_modules(operations.__path__):
        module = import_module(f"operations.{it.name}")
        for name, value in vars(module).items():
            if hasattr(value, "_inner"):
                yield f"{it.name}.{name}", module, name


def test_each_operation_of_a_role_says_here_what_it_writes(calls: dict[str, list[Call]]) -> None:
    called = {name for made in calls.values() for name, _ in made}
    assert len(called) > 15
    assert called - WRITES.keys() - ELSEWHERE == set()


def test_whatever_lies_below_a_directory_of_others_is_written_as_if_by_them(
    calls: dict[str, list[Call]],
) -> None:
    found = set()
    for made in calls.values():
        places = others(made)
        names = [(name, values) for name, values in made if name in WRITES]
        writes = [it for name, values in names for it in WRITES[name](**_own(values))]
        found |= {it for it in writes if below(it[0], places)}
        found |= {it for it in told(made) if it[0] in places or below(it[0], places)}
    nodes = OF_NODES if "meet1" in calls else set()
    assert {(_general(path), how) for path, how in found} == EXPECTED | nodes


def _own(values: dict[str, Any]) -> dict[str, Any]:
    """The operation's own arguments, without pyinfra's."""
    return {key: it for key, it in values.items() if key != "name" and not key.startswith("_")}


def _general(path: str) -> str:
    parts = [
        "persistent_SITE" if it.startswith("persistent_") else it
        for it in PurePosixPath(path).parts
    ]
    if parts[1] == "home":
        parts[2] = "PERSON"
    if parts[1] == "storage":
        parts[2:4] = "ENVIRONMENT", "HOST"
    return str(PurePosixPath(*parts))
