"""The storage server: a ZFS pool with a dataset for each client VM, exported by NFS to it alone."""

from pyinfra import host
from pyinfra.api import deploy
from pyinfra.api.exceptions import DeployError

from deploys.data import fleet, this_host
from deploys.templates import render
from facts.pools import PoolDisks
from operations import files, nfs, pools, systemd, zfs
from operations.report import is_unreadable

NFS_CONF = "/etc/nfs.conf.d/coop-infra.conf"
NFS_DROP_IN = "/etc/systemd/system/nfs-server.service.d/coop-infra.conf"
SANOID_CONF = "/etc/sanoid/sanoid.conf"


def preflight() -> None:
    """Look at the disks before anything is changed on any host.

    Raises DeployError, which ends the run, for a disk that is missing or holds something else.
    """
    wanted = this_host()
    pool = fleet().storage.pool
    state = host.get_fact(PoolDisks, pool=pool.name, disks=list(wanted.disks), _sudo=True)
    if is_unreadable():
        return
    problems = pools.preflight_problems(state, pool.name, pool.layout, wanted.disks)
    if problems:
        where = f"{fleet().file.name}: {wanted.name}: disks: "
        raise DeployError("\n".join(where + problem for problem in problems))


@deploy("Storage server")
def converge() -> None:
    storage = fleet().storage
    files.present(name="Configuration", entries=_files())
    pools.pool(
        name="Pool",
        pool=storage.pool.name,
        layout=storage.pool.layout,
        disks=this_host().disks,
        ashift=storage.pool.ashift,
    )
    zfs.datasets(name="Datasets", pool=storage.pool.name, wanted=_datasets())
    systemd.running(name="Services", units=_units(), masked=nfs.OLD_UNITS)
    nfs.exports(name="Exports", wanted=_exports())


def _datasets() -> list[zfs.Dataset]:
    return [
        zfs.Dataset(it.name, it.properties, it.owner, it.inherited) for it in fleet().datasets()
    ]


def _exports() -> list[nfs.Export]:
    return [nfs.Export(it.path, it.client, it.options) for it in fleet().exports()]


def _files() -> list[files.Entry]:
    storage = fleet().storage
    policies = {name: retention.model_dump() for name, retention in storage.snapshots}
    return [
        files.File(NFS_CONF, render(__file__, "nfs.conf.j2", nfs=storage.nfs)),
        files.File(NFS_DROP_IN, render(__file__, "nfs-server.conf.j2")),
        files.File(
            SANOID_CONF,
            render(__file__, "sanoid.conf.j2", pool=storage.pool.name, policies=policies),
        ),
    ]


def _units() -> list[systemd.Unit]:
    storage = fleet().storage
    return [
        systemd.Unit("zfs-import-cache.service"),
        systemd.Unit("zfs-import.target"),
        systemd.Unit("zfs-mount.service"),
        systemd.Unit("zfs.target"),
        systemd.Unit("nfs-server.service", restart_on=(NFS_CONF, NFS_DROP_IN)),
        systemd.Unit("sanoid.timer"),
        systemd.Unit(f"zfs-scrub-{storage.scrub}@{storage.pool.name}.timer"),
    ]
