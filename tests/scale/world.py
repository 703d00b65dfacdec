"""A simulated host: what it is, and what each operation makes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from facts.accounts import User
from facts.files import PathState, from_archive
from facts.gocryptfs import Places
from operations import git, nfs, systemd, wireguard, zfs
from operations.access.wanted import Wanted
from tests.scale.fleet import ssh_key, wireguard_key


@dataclass
class World:
    """All that facts can ask of one host: a new machine at first, which operations then change.

    now: the host's time in seconds since 1970; each change moves it on
    login: the account by which the run logs in
    written: when each path was last written; reloaded: when systemd last read its files
    started: when each unit was last started
    tables: the file from which each table of nftables was loaded
    certificate: "placeholder", or "served" once a certificate is in force
    volumes: "made" by the paths of an encrypted side and of the host's own config, the text by the
        path of a password file
    """

    name: str
    now: int = 1_700_000_000
    login: str = ""
    packages: set[str] = field(default_factory=set)
    files: dict[str, PathState] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    people: Wanted | None = None
    keys: dict[str, str] = field(default_factory=dict)
    units: dict[str, systemd.Unit] = field(default_factory=dict)
    started: dict[str, int] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)
    masked: set[str] = field(default_factory=set)
    reloaded: int = 0
    interfaces: dict[str, wireguard.Interface] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    pools: dict[str, tuple[str, ...]] = field(default_factory=dict)
    datasets: dict[str, zfs.Dataset] = field(default_factory=dict)
    delegations: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    exports: tuple[nfs.Export, ...] | None = None
    sealed: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)
    checkouts: dict[str, str] = field(default_factory=dict)
    certificate: str = ""

    def change(self, operation: str, **arguments: Any) -> None:
        """Makes the host as the operation, such as "files.present", and its arguments say.

        Raises LookupError for an operation that EFFECTS does not know.
        """
        self.now += 1
        if operation not in EFFECTS:
            raise LookupError(f"tests/scale/world.py: EFFECTS does not know {operation}")
        EFFECTS[operation](self, **arguments)

    def receive(self, archive: str) -> None:
        """Puts the files in place that operations.files.write has sent."""
        for path, state in from_archive(archive).items():
            place = PurePosixPath(path)
            if place.name.endswith(".coop-new"):
                own = place.name.removeprefix(".").removesuffix(".coop-new")
                place = place.with_name(own)
            self.files[str(place)] = state
            self.written[str(place)] = self.now

    def mounted(self, path: str) -> bool:
        """Whether the unit that mounts something at the path was started."""
        fuse = self.sealed.get(path) == "fuse.gocryptfs"
        unit = path.strip("/").replace("/", "-") + ".mount"
        return ("gocryptfs-storage.service" if fuse else unit) in self.started

    def config(self) -> bytes:
        """What stands in for the host's gocryptfs.conf."""
        return f"the gocryptfs.conf of {self.name}\n".encode() * 16


def _nothing(world: World, **arguments: Any) -> None:
    """For an operation that only sends files: `receive` takes them."""


def _packages(world: World, names: list[str]) -> None:
    world.packages.update(names)


def _user(
    world: World,
    user: str,
    uid: int | None = None,
    home: str = "/nonexistent",
    shell: str = "/usr/sbin/nologin",
) -> None:
    world.users[user] = User(uid or 990 - len(world.users), home, shell)


def _key(world: World, pair: Any, **others: Any) -> None:
    kind = wireguard_key if "wg" in pair.make else ssh_key
    world.keys[pair.file] = kind(world.name)


def _people(world: World, wanted: Callable[[], Wanted], **others: Any) -> None:
    world.people = wanted()


def _interface(world: World, interface: str, wanted: Callable[[], wireguard.Interface]) -> None:
    world.interfaces[interface] = wanted()
    world.reloaded = world.now


def _table(world: World, table: str, file: str, **others: Any) -> None:
    world.tables[table] = file


def _running(
    world: World,
    units: list[systemd.Unit],
    masked: tuple[str, ...] = (),
    loaded: tuple[str, ...] = (),
    drop_ins: tuple[str, ...] = (),
) -> None:
    world.reloaded = world.now
    for unit in units:
        world.units[unit.name] = unit
        world.started[unit.name] = world.now
    world.loaded.update(loaded)
    world.masked.update(masked)


def _pool(world: World, pool: str, disks: tuple[str, ...], **others: Any) -> None:
    world.pools[pool] = tuple(disks)


def _datasets(world: World, wanted: list[zfs.Dataset], **others: Any) -> None:
    world.datasets.update({it.name: it for it in wanted})


def _allowed(world: World, user: str, datasets: list[str], permissions: list[str]) -> None:
    world.delegations.update({it: (user, frozenset(permissions)) for it in datasets})


def _exports(world: World, wanted: list[nfs.Export]) -> None:
    world.exports = tuple(wanted)


def _sealed(world: World, filesystems: Mapping[str, str]) -> None:
    world.sealed.update(filesystems)


def _volume(world: World, at: Places, password: str, **others: Any) -> None:
    world.volumes[at.ciphertext] = world.volumes[at.config] = "made"
    world.volumes[at.password_file] = f"{password}\n"


def _checkouts(world: World, wanted: Sequence[git.WorkTree]) -> None:
    world.checkouts.update({tree.path: tree.commit for tree in wanted})


def _ready(world: World, bundle: str, **others: Any) -> None:
    world.certificate = "placeholder"
    world.files[bundle] = PathState("file", 0o600, "root", "root", content=b"a placeholder")


def _served(world: World, **others: Any) -> None:
    world.certificate = "served"


EFFECTS: dict[str, Callable[..., None]] = {
    "access.people": _people,
    "accounts.service_user": _user,
    "certificates.ready": _ready,
    "certificates.served": _served,
    "delegations.allowed": _allowed,
    "escrow_keys.handed_over": _nothing,
    "files.present": _nothing,
    "git.checkouts": _checkouts,
    "gocryptfs.volume": _volume,
    "keys.own": _key,
    "mounts.sealed": _sealed,
    "nfs.exports": _exports,
    "nftables.table": _table,
    "packages.installed": _packages,
    "pools.pool": _pool,
    "systemd.running": _running,
    "wireguard.interface": _interface,
    "zfs.datasets": _datasets,
}
