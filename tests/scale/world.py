"""A simulated host: what it is, and what each operation makes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from facts.accounts import User
from facts.files import PathState, from_archive
from operations import git, nfs, systemd, wireguard, zfs
from operations.access.wanted import Wanted
from tests.scale.fleet import ssh_key, wireguard_key


@dataclass
class World:
    """All that facts can ask of one host, as operations have it: a new machine's at first.

    now: the time there, in seconds since 1970, which goes on with each change
    login: the account that the run comes by
    written: by path, when it was last written; reloaded: when systemd last read its files
    started: by unit, when it was last started
    tables: by name, of nftables, the files that they were loaded from
    volumes: by the path of the encrypted side its config, by that of the password file its digest
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

    def change(self, operation: str, **arguments: Any) -> None:
        """The operation, such as "files.present", has made the host as its arguments say.

        Raises LookupError for one that is not known here.
        """
        self.now += 1
        if operation not in EFFECTS:
            raise LookupError(f"tests/scale/world.py: EFFECTS does not know {operation}")
        EFFECTS[operation](self, **arguments)

    def receive(self, archive: str) -> None:
        """What operations.files.write has sent is there."""
        for path, state in from_archive(archive).items():
            place = PurePosixPath(path)
            if place.name.endswith(".coop-new"):
                own = place.name.removeprefix(".").removesuffix(".coop-new")
                place = place.with_name(own)
            self.files[str(place)] = state
            self.written[str(place)] = self.now

    def mounted(self, path: str) -> bool:
        """Whether what mounts something there was started."""
        fuse = self.sealed.get(path) == "fuse.gocryptfs"
        unit = path.strip("/").replace("/", "-") + ".mount"
        return ("gocryptfs-storage.service" if fuse else unit) in self.started

    def config(self) -> bytes:
        """What stands for the host's gocryptfs.conf."""
        return f"the gocryptfs.conf of {self.name}\n".encode() * 16


def _nothing(world: World, **arguments: Any) -> None:
    """Its files are received."""


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


def _volume(
    world: World, ciphertext: str, password_file: str, password: str, **others: Any
) -> None:
    world.volumes[ciphertext] = "made"
    world.volumes[password_file] = f"{password}\n"


def _checkouts(world: World, wanted: Sequence[git.WorkTree]) -> None:
    world.checkouts.update({tree.path: tree.commit for tree in wanted})


EFFECTS: dict[str, Callable[..., None]] = {
    "access.people": _people,
    "accounts.service_user": _user,
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
