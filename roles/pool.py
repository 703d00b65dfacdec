"""What hosts with a ZFS pool have in common: its disks, its datasets, its snapshots."""

from collections.abc import Collection, Sequence

from pyinfra import host
from pyinfra.api.exceptions import DeployError

from controller.this_run import this_fleet, this_host
from engine.report import is_unreadable
from engine.several import Asked
from facts.pool_state import Pool, PoolState
from facts.pools import PoolDisks
from fleet.derived.pools import newer_than, oldest_of
from fleet.groups.pool import PoolGroup, Retention
from operations import files, pool_features, pools, system, systemd, zfs
from roles.templates import render

SANOID_CONF = "/etc/sanoid/sanoid.conf"


def preflight() -> None:
    """Look at the disks before anything is changed on any host.

    Raises DeployError, which ends the run, for a disk that is missing or holds something else.
    """
    wanted, pool = this_host(), _group().pool
    state = host.get_fact(PoolDisks, pool=pool.name, disks=list(wanted.all_disks), _sudo=True)
    if is_unreadable():
        return
    problems = pools.preflight_problems(state, pool.name, pool.layout, wanted.all_disks)
    if problems:
        where = f"{this_fleet().file.name}: {wanted.name}: disks: "
        raise DeployError("\n".join(where + problem for problem in problems))


def question() -> Asked:
    """What the audit asks of the host's pool."""
    return Pool, {"pool": _group().pool.name}


def drift(now: PoolState) -> list[str]:
    """What is not as the data says in the answer to `question`, a sentence each."""
    pool, limit = _group().pool.name, _limit()
    if now.health is None:
        why = "" if now.lacks is None else f": {pool_features.not_importable(now.lacks)}"
        return [f"pool {pool}: not imported{why}"]
    found = pool_features.beyond(now, limit)
    if now.compatibility != limit.file:
        found.append(
            f"compatibility is {now.compatibility}, not {limit.file}: zpool upgrade would enable "
            f"other features than those of {limit.release}. A run sets it"
        )
    return [f"pool {pool}: {it}" for it in found]


def _limit() -> pool_features.Limit:
    oldest = oldest_of(this_fleet())
    newer = {it.title: it.pool_features for it in newer_than(oldest)}
    return pool_features.Limit(oldest.zfs_features, oldest.title, oldest.pool_features, newer)


def converge(datasets: Sequence[zfs.Dataset], undeclared: Collection[str] = ()) -> None:
    """The pool, and these datasets in it; undeclared as for operations.zfs.datasets."""
    pool = _group().pool
    pools.pool(
        name="Pool",
        pool=pool.name,
        layout=pool.layout,
        disks=this_host().all_disks,
        limit=_limit(),
        ashift=pool.ashift,
        width=len(this_host().vdevs[0]) if this_host().vdevs else 0,
    )
    system.kernels_have(name="Kernels", module="zfs", tool="zpool")
    zfs.datasets(name="Datasets", pool=pool.name, wanted=datasets, undeclared=undeclared)


def sanoid(policies: dict[str, Retention], takes: bool) -> files.File:
    """sanoid's configuration, by dataset. takes: whether sanoid also takes snapshots here"""
    values = {name: retention.model_dump() for name, retention in policies.items()}
    return files.File(SANOID_CONF, render(__file__, "sanoid.conf.j2", policies=values, takes=takes))


def units() -> list[systemd.Unit]:
    """The units that import the pool at boot, keep its snapshots, and scrub it now and then."""
    return [
        systemd.Unit("zfs-import-cache.service"),
        systemd.Unit("zfs-import.target"),
        systemd.Unit("zfs-mount.service"),
        systemd.Unit("zfs.target"),
        systemd.Unit("sanoid.timer"),
        systemd.Unit(f"zfs-scrub-{_group().scrub}@{_group().pool.name}.timer"),
    ]


def _group() -> PoolGroup:
    return this_fleet().pool_group(this_host())
