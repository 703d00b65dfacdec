"""ZFS pools: imported if they exist, made once from blank disks, never made again.

Sources: zpool-create(8), zpool-import(8), zpoolprops(7) of OpenZFS 2.1.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from shlex import join, quote
from typing import Literal

from pyinfra import host, state

from engine.operation import Commands, ask, operation
from engine.report import fail, script, tell, warn
from facts.pool_state import BY_ID, Pool, PoolState
from facts.pools import Disk, PoolDisks, PoolDisksState, intent_marker
from operations.pool_features import Limit, beyond, not_importable

Layout = Literal["single", "mirror", "raidz1", "raidz2"]
USABLE = ("ONLINE", "DEGRADED")
PARTITION_TABLE = ("gpt", "PMBR")
# zpool-create(8) refuses a mirror or raidz of disks that differ by more (ZPOOL_FUZZ in its source).
SIZE_TOLERANCE = 16 * 2**20


@operation()
def pool(
    pool: str,
    layout: Layout,
    disks: Sequence[str],
    limit: Limit,
    ashift: int = 12,
    *,
    width: int = 0,
) -> Commands:
    """The pool is imported, now and at every boot. If there is no such pool, it is made.

    pool: its name; its root dataset is mounted at /<pool>
    layout: single (no redundancy: the disks are striped), mirror, raidz1 or raidz2
    disks: names in /dev/disk/by-id
    limit: the features that the pool may have. The pool gets no other feature, neither when it
        is made nor by `zpool upgrade`
    ashift: sector size as a power of two, 12 is 4096 bytes; used only when the pool is made
    width: how many disks a vdev has, in the order of disks; 0 for one vdev of all disks

    Imports a pool that exists, without force. Makes a pool only if there is none of this name, and
    every disk is there and blank. If a run is cut off while it makes the pool, the next run
    finishes: the marker in /var/lib/coop-infra says that these disks were blank, and nothing but an
    empty partition table is on them. Anything else fails this host and says what to do.

    Never enables a feature of a pool that exists. Never destroys, exports or re-makes a pool. Never
    wipes, adds, replaces or removes a disk, and never forces an import. Warns about a pool that is
    not ONLINE, about a disk that is declared but not in the pool, about other vdevs than those
    that are declared, and about features beyond the limit.
    """
    vdevs = _vdevs(disks, width)
    seen: PoolDisksState = yield from ask(PoolDisks, pool=pool, disks=tuple(disks))
    if not seen.pool.ready and state.is_executing:
        yield script(*_load())
        seen = yield from ask(PoolDisks, pool=pool, disks=tuple(disks))
        if not seen.pool.ready:
            yield fail(f"{pool}: zpool does not work here: is zfsutils-linux installed?")
            return

    if seen.pool.health is not None:
        _warn_about(seen, pool, layout, vdevs)
        _warn_beyond(seen.pool, pool, limit)
        if lines := _tidy(seen, pool, limit.file):
            yield script(*lines)
        else:
            host.noop(f"pool {pool} is imported")
    elif problems := preflight_problems(seen, pool, layout, disks):
        yield fail("; ".join(problems))
    elif _is_importable(seen, pool):
        tell(f"{pool}: pool to be imported")
        yield script(*_import(seen, pool, limit.file))
        if state.is_executing:
            # Only an imported pool shows its features.
            now: PoolState = yield from ask(Pool, pool=pool)
            _warn_beyond(now, pool, limit)
    else:
        made = "; ".join(f"{layout} of {', '.join(vdev)}" for vdev in vdevs)
        tell(f"{pool}: new pool, {made}")
        options = [f"ashift={ashift}", f"compatibility={limit.file}"]
        yield script(*_create(seen, pool, layout, vdevs, options))


def _vdevs(disks: Sequence[str], width: int) -> list[Sequence[str]]:
    each = width or len(disks)
    return [disks[first : first + each] for first in range(0, len(disks), each)]


def _load() -> list[str]:
    remedy = (
        "was not compiled for the kernel that runs, $(uname -r), of which Debian may have no "
        "headers any more. Install the newest (linux-image-...), reboot, run again"
    )
    return [
        f'modinfo zfs > /dev/null 2>&1 || {{ echo "the module zfs {remedy}" >&2; exit 1; }}',
        "modprobe zfs",
    ]


def preflight_problems(
    seen: PoolDisksState, pool: str, layout: Layout, disks: Sequence[str]
) -> list[str]:
    """Why `pool` could neither import nor make the pool; empty if it can. Changes nothing.

    Each problem names what is wrong and the remedy. An imported pool has no problems here, so that
    a lost disk does not stop the work on a degraded pool.
    """
    found = seen.pool.importable
    if seen.pool.health is not None:
        return []
    if len(found) > 1:
        return [
            f"{pool}: {len(found)} pools have this name; look at them with zpool import, then "
            f"import the right one by its number and destroy or rename the other by hand"
        ]
    if _is_importable(seen, pool) or _may_resume(seen, disks):
        return []
    if found and seen.pool.lacks is not None:
        return [f"{pool}: {not_importable(seen.pool.lacks)}"]
    if found:
        return [
            f"{pool}: the pool is there but cannot be imported ({found[0]}); zpool import -d "
            f"{BY_ID} says what is missing"
        ]
    return [*_disk_problems(seen, pool, disks), *_layout_problems(seen, pool, layout, disks)]


def _disk_problems(seen: PoolDisksState, pool: str, disks: Sequence[str]) -> Iterator[str]:
    for disk in disks:
        found = seen.disks.get(disk, Disk())
        if found.path is None:
            yield f"{pool}: disk {disk} is missing; plug it in, or correct its name (ls {BY_ID})"
        elif not found.blank:
            yield (
                f"{pool}: disk {disk} ({found.path}) is not blank: {_content(found)}; declare "
                f"another disk, or if nobody needs what is on it, wipe it by hand (wipefs --all, "
                f"each partition first)"
            )


def _layout_problems(
    seen: PoolDisksState, pool: str, layout: Layout, disks: Sequence[str]
) -> Iterator[str]:
    # A disk may have several names in by-id.
    different = len({seen.disks.get(disk, Disk()).path or disk for disk in disks})
    if different < len(disks):
        yield f"{pool}: {layout} of only {different} different disks; declare another"
    sizes = [seen.disks[disk].size for disk in disks if seen.disks.get(disk, Disk()).blank]
    if layout != "single" and sizes and max(sizes) - min(sizes) > SIZE_TOLERANCE:
        yield f"{pool}: disks of {min(sizes)} to {max(sizes)} bytes; declare disks of one size"


def _content(disk: Disk) -> str:
    signatures = [
        f"{found.type} {found.label}".rstrip() + f" on {found.device}" for found in disk.signatures
    ]
    mounts = [f"mounted at {where}" for where in disk.mountpoints]
    return ", ".join([*signatures, *mounts] or [f"it holds {', '.join(disk.children)}"])


def _is_importable(seen: PoolDisksState, pool: str) -> bool:
    if seen.pool.ready:
        return any(found in USABLE for found in seen.pool.importable)
    # Until ZFS is installed, only ZFS's label on a disk shows that there is a pool.
    return any(
        (found.type, found.label) == ("zfs_member", pool)
        for disk in seen.disks.values()
        for found in disk.signatures
    )


def _may_resume(seen: PoolDisksState, disks: Sequence[str]) -> bool:
    """Whether the disks have nothing but what our own `zpool create` left when it was cut off.

    wipefs(8) sees zfs_member only once a transaction was written: from then on there is a pool.
    """
    found = [seen.disks.get(disk, Disk()) for disk in disks]
    return (
        seen.marker is not None
        and sorted(seen.marker) == sorted(disks)
        and all(disk.path is not None and not disk.mountpoints for disk in found)
        and all(mark.type in PARTITION_TABLE for disk in found for mark in disk.signatures)
        and all(_is_partition(child, disk) for disk in found for child in disk.children)
    )


def _is_partition(child: str, disk: Disk) -> bool:
    """Whether the child is a partition. One of a multipath device has a name of its own."""
    return child in disk.partitions or child.startswith(str(disk.path))


def _warn_about(
    seen: PoolDisksState, pool: str, layout: Layout, vdevs: Sequence[Sequence[str]]
) -> None:
    if seen.pool.health != "ONLINE":
        warn(f"{pool}: the pool is {seen.pool.health}; see zpool status -x")
    disks = [disk for vdev in vdevs for disk in vdev]
    outside = [it for it in disks if not seen.has(seen.disks.get(it, Disk()))]
    for disk in outside:
        warn(f"{pool}: disk {disk} is declared but not in the pool; add it by hand")
    declared = tuple(f"{layout} of {len(vdev)}" for vdev in vdevs)
    if seen.vdevs and not outside and sorted(seen.vdevs) != sorted(declared):
        warn(
            f"{pool}: the pool is {' and '.join(seen.vdevs)}, and declared is "
            f"{' and '.join(declared)}: made anew, it would have other room, or survive other "
            "failures. Declare the vdevs that there are"
        )


def _warn_beyond(now: PoolState, pool: str, limit: Limit) -> None:
    for sentence in beyond(now, limit):
        warn(f"{pool}: {sentence}")


def _tidy(seen: PoolDisksState, pool: str, features: str) -> list[str]:
    lines = []
    if seen.pool.compatibility != features:
        tell(f"{pool}: compatibility {seen.pool.compatibility} -> {features}")
        lines.append(_limit(pool, features))
    if not seen.pool.imported_at_boot:
        tell(f"{pool}: to be imported at boot")
        # zpoolprops(7): the empty string is the default cache file.
        lines.append(f"zpool set cachefile= {quote(pool)}")
    if seen.marker is not None:
        tell(f"{pool}: {intent_marker(pool)} has done its work")
        lines.append(f"rm -f {quote(intent_marker(pool))}")
    return lines


def _limit(pool: str, features: str) -> str:
    return f"zpool set compatibility={quote(features)} {quote(pool)}"


def _import(seen: PoolDisksState, pool: str, features: str) -> list[str]:
    remedy = (
        f"{pool}: could not import the pool. If another machine had it last and will never use it "
        f"again, import it once by hand (zpool import -f {pool}), then run again."
    )
    command = f"zpool import -d {BY_ID} {quote(pool)}"
    lines = [
        f"{command} || {{ printf '%s\\n' {quote(remedy)} >&2; exit 1; }}",
        _limit(pool, features),
    ]
    if seen.marker is not None:
        lines.append(f"rm -f {quote(intent_marker(pool))}")
    return lines


def _create(
    seen: PoolDisksState,
    pool: str,
    layout: Layout,
    vdevs: Sequence[Sequence[str]],
    options: list[str],
) -> list[str]:
    disks = [disk for vdev in vdevs for disk in vdev]
    marker = quote(intent_marker(pool))
    directory = quote(str(PurePosixPath(intent_marker(pool)).parent))
    blank = all(seen.disks[disk].blank for disk in disks)
    kind = [] if layout == "single" else [layout]
    set_ = join([word for option in options for word in ("-o", option)])
    devices = [word for vdev in vdevs for word in (*kind, *(f"{BY_ID}/{disk}" for disk in vdev))]
    arguments = join([pool, *devices])
    return [
        # The marker must be on the disk before the first label is.
        f"mkdir -p {directory}",
        f"printf '%s\\n' {join(disks)} >{marker}.new",
        f"sync {marker}.new",
        f"mv -f {marker}.new {marker}",
        f"sync {directory}",
        f"zpool create{'' if blank else ' -f'} {set_} -m /{quote(pool)} {arguments}",
        f"rm -f {marker}",
    ]
