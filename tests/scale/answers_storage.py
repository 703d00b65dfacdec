"""What a simulated host's programs print about storage: pools, datasets, exports, mounts."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from engine.fact import Fact
from facts.delegations import BELOW_TOO, Delegations
from facts.mounts import Mountpoints
from facts.nfs import Exports
from facts.pool_state import Pool
from facts.pools import PoolDisks
from facts.zfs import ALWAYS_READ, Zfs
from fleet.releases import POOL_FEATURES
from operations import nfs, zfs
from tests.scale.world import World

Lines = Iterator[str]
SIZE = 4_000_787_030_016


def _pool(world: World, pool: str) -> Lines:
    if "zfsutils-linux" not in world.packages:
        return
    yield f"##pool\t{pool}"
    if pool in world.pools:
        yield from (
            "health\tONLINE",
            "cachefile\t-",
            "compatibility\topenzfs-2.3-linux",
            *(f"feature@{name}\tenabled" for name in sorted(POOL_FEATURES[2, 3])),
            "##cached",
        )
    else:
        yield "##import"


def _pool_disks(world: World, pool: str, disks: Sequence[str]) -> Lines:
    yield from _pool(world, pool)
    yield "##members"
    made = pool in world.pools
    paths = {disk: f"/dev/sd{'bcdefgh'[number]}" for number, disk in enumerate(disks)}
    if made:
        yield f"{pool}\t3.62T\t1.20T\t2.42T\t-\t-\t0%\t33%\t1.00x\tONLINE\t-"
        yield "\tmirror-0\t3.62T\t1.20T\t2.42T\t-\t-\t0%\t33.1%\t-\tONLINE"
        yield from (f"\t{it}1\t-\t-\t-\t-\t-\t-\t-\t-\tONLINE" for it in paths.values())
    yield from (f"##disk\t{disk}\t{path}" for disk, path in paths.items())
    for disk, path in paths.items():
        yield f"##tree\t{disk}"
        yield from json.dumps({"blockdevices": [_device(path, made)]}, indent=3).splitlines()
        yield f"##signatures\t{disk}\t{path}"
        if made:
            yield from ("gpt", "gpt", "PMBR", f"##signatures\t{disk}\t{path}1")
            yield from [f"zfs_member {pool}"] * 20
            yield f"##signatures\t{disk}\t{path}9"


def _device(path: str, made: bool) -> dict[str, Any]:
    disk = {"path": path, "size": SIZE, "mountpoints": [None]}
    return {**disk, "children": [{**disk, "path": f"{path}{n}"} for n in (1, 9)]} if made else disk


def _zfs(world: World, pool: str, properties: Sequence[str] = ()) -> Lines:
    yield from _pool(world, pool)
    yield "##datasets"
    names = sorted({*ALWAYS_READ, *properties})
    there = {name: it for name, it in world.datasets.items() if name.split("/")[0] == pool}
    if pool in world.pools:
        there.setdefault(pool, zfs.Dataset(pool))
    for name in sorted(there):
        for key in names:
            value, source = _property(there, name, key)
            yield f"{name}\t{key}\t{value}\t{source}"
    yield "##roots"
    for name, dataset in sorted(there.items()):
        if _property(there, name, "mounted")[0] == "yes":
            uid, gid = dataset.owner or (0, 0)
            yield f"{name}\t{uid} {gid} 755"


# The properties that a dataset does not inherit: zfsprops(7).
_OWN = {"quota", "refquota", "reservation", "refreservation", "canmount"}
_DEFAULTS = {"type": "filesystem", "canmount": "on", "compression": "on", "atime": "on"}


def _property(there: Mapping[str, zfs.Dataset], name: str, key: str) -> tuple[str, str]:
    own = there[name].value(key)
    if key == "type":
        return "filesystem", "-"
    if key == "mounted":
        places = [_property(there, name, it)[0] for it in ("canmount", "mountpoint")]
        return ("yes" if places[0] == "on" and places[1].startswith("/") else "no"), "-"
    if own is not None:
        return own, "local"
    parent, _, leaf = name.rpartition("/")
    if parent in there and key not in _OWN:
        value, source = _property(there, parent, key)
        if key == "mountpoint" and value.startswith("/"):
            value = f"{value}/{leaf}"
        return value, f"inherited from {parent}" if source == "local" else source
    if key == "mountpoint":
        return f"/{name}", "default"
    return _DEFAULTS.get(key, "0" if key in _OWN else "off"), "default"


def _delegations(world: World, datasets: Sequence[str]) -> Lines:
    for name in datasets:
        yield f"##of\t{name}"
        if name in world.delegations:
            user, permissions = world.delegations[name]
            yield f"---- Permissions on {name} ".ljust(70, "-")
            yield f"{BELOW_TOO} permissions:"
            yield f"\tuser {user} {','.join(sorted(permissions))}"


def _exports(world: World) -> Lines:
    yield "##live"
    for it in world.exports or ():
        options = [*it.options, "wdelay", "hide", "nocrossmnt", "secure", "root_squash"]
        yield f"{it.path}\t{it.client}({','.join(options)})"
    if world.exports is not None:
        text = nfs._render(world.exports, ())
        yield from ("##file", base64.b64encode(text.encode()).decode())
    yield from ("##others", "##clients")
    yield from (f'address: "{it.client}:803"' for it in world.exports or ())


def _mountpoints(world: World, paths: Sequence[str]) -> Lines:
    for path in paths:
        if path in world.sealed:
            if world.mounted(path):
                yield f"mounted|{world.sealed[path]}|{path}"
            yield f"----i---------e-------|0|{path}"


ANSWERS: dict[type[Fact[Any]], Callable[..., Iterable[str]]] = {
    Delegations: _delegations,
    Exports: _exports,
    Mountpoints: _mountpoints,
    Pool: _pool,
    PoolDisks: _pool_disks,
    Zfs: _zfs,
}
