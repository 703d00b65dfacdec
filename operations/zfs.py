"""ZFS datasets: made, set and mounted, never destroyed. Source: zfsprops(7) of OpenZFS 2.1."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import join, quote

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import fail, script, tell, warn
from facts.zfs import DatasetState, Property, Zfs, ZfsState

QUOTAS = {"quota", "refquota", "reservation", "refreservation"}
SIZES = {*QUOTAS, "recordsize"}
CREATE_ONLY = {"casesensitivity", "normalization", "utf8only", "encryption", "keyformat"}
# A parent cannot pass these on, so a value by default is as good as a value that was set.
NOT_INHERITED = {*QUOTAS, *CREATE_ONLY, "canmount"}
# Values that zfs reports under another name than they were given.
ALIASES = {("acltype", "posixacl"): "posix", ("acltype", "noacl"): "off"}

# The property `mounted` is what zfs believes. findmnt(8) asks the kernel. The last mount is on top.
FUNCTIONS = """\
mount_it() {
  [ "$(zfs get -H -o value mounted "$1")" = yes ] || zfs mount "$1"
}
own() {
  path=$(zfs get -H -o value mountpoint "$1")
  top=$(findmnt -n -f -d backward -o SOURCE -M "$path" || true)
  if [ "$top" != "$1" ]; then
    printf '%s: not mounted at %s, so the owner of that directory is left alone\\n' "$1" "$path" >&2
    exit 1
  fi
  chown -h -- "$2" "$path"
}"""


@dataclass(frozen=True)
class Dataset:
    """A filesystem as it should be.

    name: with the pool, e.g. "tank/www"
    properties: values that are set on the dataset itself; sizes in bytes, 0 for no quota or
        reservation. A property that you take out of here keeps its value on the host: to take the
        value back, write the property's default value here
    owner: (uid, gid) of its root directory when mounted; None leaves the owner alone
    inherited: properties that it has from its parent, even if somebody sets them on it by hand
    """

    name: str
    properties: Mapping[str, str | int] = field(default_factory=dict)
    owner: tuple[int, int] | None = None
    inherited: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a name or property that this operation does not handle."""
        if not re.fullmatch(r"[A-Za-z0-9][\w.: -]*(/[A-Za-z0-9][\w.: -]*)*", self.name, re.ASCII):
            raise ValueError(f"{self.name!r} is not the name of a dataset")
        if "volsize" in self.properties:
            raise ValueError(f"{self.name}: volumes are not handled, only filesystems")
        if self.properties.keys() & {"sharenfs", "sharesmb"}:
            raise ValueError(f"{self.name}: exports belong in /etc/exports, not in sharenfs")
        for name in self.properties.keys() & SIZES:
            if not re.fullmatch(r"\d+|none", str(self.properties[name])):
                raise ValueError(
                    f"{self.name}: {name} must be bytes, not {self.properties[name]!r}"
                )

    def value(self, name: str) -> str | None:
        """A property as `zfs get -p` shows it, None if it is not declared."""
        if name not in self.properties:
            return None
        value = self.properties[name]
        return _exact(name, ("off", "on")[value] if isinstance(value, bool) else str(value))


@operation()
def datasets(pool: str, wanted: Sequence[Dataset], undeclared: Collection[str] = ()) -> Commands:
    """Each wanted filesystem exists, has its properties as its own, is mounted, and has its owner.

    pool: must be imported before; its root dataset needs no entry
    wanted: in any order; the parent of each must be there or wanted too
    undeclared: datasets that something else makes (a backup); the operation does not warn about
        them, or about datasets in them

    Mounts a filesystem with canmount=on and a path as its mountpoint. Sets the owner of the root
    directory alone, and only while the filesystem is mounted.

    Never destroys, renames, rolls back or unmounts a dataset, and never touches a snapshot. Never
    changes an owner below the root directory, or of a directory on which no dataset is mounted. An
    owner that is neither root nor the wanted owner fails the host. So does a dataset that the data
    seems to have moved. Warns about datasets that are not wanted, and leaves them alone.
    """
    properties = sorted(
        {name for dataset in wanted for name in (*dataset.properties, *dataset.inherited)}
    )
    seen: ZfsState = yield from ask(Zfs, pool=pool, properties=properties)
    if problems := _problems(pool, wanted, seen, undeclared):
        yield fail("; ".join(problems))
        return
    if strangers := _undeclared(pool, [dataset.name for dataset in wanted], seen, undeclared):
        warn(f"{pool}: not declared, left alone: {', '.join(strangers)}")
    plan = Plan({dataset.name: dataset for dataset in wanted}, seen.datasets)
    lines = [line for name in sorted(plan.wanted) for line in plan.lines(name)]
    if not lines:
        host.noop(f"{len(wanted)} datasets are as wanted")
        return
    # A pool that has gone since the fact was read must not pass for a pool without datasets.
    yield script(FUNCTIONS, f"zpool list -H -o name {quote(pool)} >/dev/null", *lines)


@dataclass(frozen=True)
class Plan:
    """The way from the datasets that are there to those that are wanted, both by name."""

    wanted: Mapping[str, Dataset]
    seen: Mapping[str, DatasetState]

    def lines(self, name: str) -> Iterator[str]:
        """Gives the lines of shell for one dataset, and tells each difference."""
        dataset, now = self.wanted[name], self.seen.get(name)
        if now is None and "/" not in name:
            # The root dataset comes with the pool. In a dry run the pool may not be made yet.
            now = DatasetState({"mounted": Property("yes", "-")})
        if now is None:
            yield from self._create(dataset)
        else:
            yield from _set(dataset, now)
            yield from _inherit(dataset, now)
            if now.value("mounted") != "yes":
                yield from self._mount(dataset)
            elif dataset.owner and now.owner and dataset.owner != now.owner:
                tell(f"{name}: owner {_owner(now.owner)} -> {_owner(dataset.owner)}")
                yield join(["own", name, _owner(dataset.owner)])

    def _create(self, dataset: Dataset) -> Iterator[str]:
        values = {key: dataset.value(key) or "" for key in sorted(dataset.properties)}
        shown = [f"{key} {_human(key, value)}" for key, value in values.items()]
        if dataset.owner and self._should_mount(dataset.name):
            shown.append(f"owner {_owner(dataset.owner)}")
        tell(f"{dataset.name}: new dataset" + (f" ({', '.join(shown)})" if shown else ""))
        options = [part for key, value in values.items() for part in ("-o", f"{key}={value}")]
        yield join(["zfs", "create", *options, dataset.name])
        if dataset.owner and self._should_mount(dataset.name):
            yield join(["own", dataset.name, _owner(dataset.owner)])

    def _mount(self, dataset: Dataset) -> Iterator[str]:
        if self._should_mount(dataset.name):
            tell(f"{dataset.name}: to be mounted at {self._mountpoint(dataset.name)}")
            yield join(["mount_it", dataset.name])
            if dataset.owner:
                yield join(["own", dataset.name, _owner(dataset.owner)])

    def _should_mount(self, name: str) -> bool:
        canmount = self.wanted[name].value("canmount")
        if canmount is None:
            canmount = self.seen[name].value("canmount") if name in self.seen else "on"
        return canmount == "on" and self._mountpoint(name).startswith("/")

    def _mountpoint(self, name: str) -> str:
        """Its own mountpoint, or the parent's with the dataset's name added: zfsprops(7)."""
        declared = self.wanted[name].value("mountpoint") if name in self.wanted else None
        if declared is not None:
            return declared
        now = self.seen[name].properties.get("mountpoint") if name in self.seen else None
        if now and now.source in ("local", "received"):
            return now.value
        parent, slash, leaf = name.rpartition("/")
        if not slash:
            return f"/{name}"
        above = self._mountpoint(parent)
        return f"{above.rstrip('/')}/{leaf}" if above.startswith("/") else above


def _inherit(dataset: Dataset, now: DatasetState) -> Iterator[str]:
    for key in sorted({*dataset.inherited} - dataset.properties.keys()):
        own = now.properties.get(key)
        if own and own.source in ("local", "received"):
            tell(f"{dataset.name}: {key} {_human(key, own.value)} -> inherited")
            yield join(["zfs", "inherit", key, dataset.name])


def _set(dataset: Dataset, now: DatasetState) -> Iterator[str]:
    changes = []
    for key in sorted(dataset.properties):
        value = dataset.value(key) or ""
        old = now.properties.get(key, Property("-", "none"))
        if _exact(key, old.value) != value:
            tell(f"{dataset.name}: {key} {_human(key, old.value)} -> {_human(key, value)}")
        elif old.source != "local" and key not in NOT_INHERITED:
            tell(f"{dataset.name}: {key} {_human(key, value)} ({old.source}) -> local")
        else:
            continue
        changes.append(f"{key}={value}")
    if changes:
        yield join(["zfs", "set", *changes, dataset.name])


def _problems(
    pool: str, wanted: Sequence[Dataset], seen: ZfsState, undeclared: Collection[str]
) -> list[str]:
    names = [dataset.name for dataset in wanted]
    there = {pool, *names, *seen.datasets}
    if seen.pool.health is not None and pool not in seen.datasets:
        return [f"{pool}: its datasets cannot be read; is each property's name right?"]
    return [
        *(f"{name}: declared twice" for name in sorted({n for n in names if names.count(n) > 1})),
        *(f"{name}: not in the pool {pool}" for name in names if name.split("/")[0] != pool),
        *(
            f"{name}: its parent is not there; declare that too"
            for name in names
            if "/" in name and name.rpartition("/")[0] not in there
        ),
        *(problem for dataset in wanted for problem in _conflicts(dataset, seen)),
        *_moved(pool, wanted, seen, undeclared),
    ]


def _moved(
    pool: str, wanted: Sequence[Dataset], seen: ZfsState, undeclared: Collection[str]
) -> Iterator[str]:
    """Wanted datasets that are not there, while an undeclared one has their last name or owner."""
    names = [dataset.name for dataset in wanted]
    for stranger in _undeclared(pool, names, seen, undeclared):
        leaf, owner = stranger.rpartition("/")[2], seen.datasets[stranger].owner
        for dataset in wanted:
            same = dataset.name.rpartition("/")[2] == leaf or owner == dataset.owner
            if dataset.name not in seen.datasets and same and dataset.owner:
                yield (
                    f"{dataset.name}: not there, but {stranger} is, which is not declared: was it "
                    f"renamed or moved in the data? Then: zfs rename {stranger} {dataset.name}. If "
                    "not, give the other another name and owner"
                )


def _conflicts(dataset: Dataset, seen: ZfsState) -> Iterator[str]:
    now = seen.datasets.get(dataset.name)
    if now is None:
        return
    if now.value("type") == "volume":
        yield f"{dataset.name}: is a volume, not a filesystem; declare another name"
    if dataset.owner and now.owner and now.owner not in (dataset.owner, (0, 0)):
        yield (
            f"{dataset.name}: its root directory belongs to {_owner(now.owner)}, not to "
            f"{_owner(dataset.owner)}: what is in it would become somebody else's. Put the data "
            "back, or chown the directory by hand"
        )
    for key in sorted(dataset.properties.keys() & CREATE_ONLY):
        if now.value(key) != dataset.value(key):
            yield f"{dataset.name}: {key} is {now.value(key)} and cannot be changed any more"


def _undeclared(
    pool: str, names: Sequence[str], seen: ZfsState, undeclared: Collection[str]
) -> list[str]:
    known = {pool, *undeclared, *names}
    inside = tuple(f"{name}/" for name in undeclared)
    return sorted(n for n in seen.datasets if n not in known and not n.startswith(inside))


def _exact(key: str, value: str) -> str:
    if key in QUOTAS and value == "none":
        return "0"
    return ALIASES.get((key, value), value)


def _human(key: str, value: str) -> str:
    """A size in the largest unit that divides it, 0 as none; other values as they are."""
    if key not in SIZES or not value.isdecimal():
        return value
    size = int(value)
    if size == 0:
        return "none"
    units = [(power, unit) for power, unit in zip(range(50, 0, -10), "PTGMK", strict=True)]
    return next(
        (f"{size >> power}{unit}" for power, unit in units if size % (1 << power) == 0), value
    )


def _owner(owner: tuple[int, int]) -> str:
    return f"{owner[0]}:{owner[1]}"
