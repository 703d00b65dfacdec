"""The storage server: a ZFS pool with a dataset for each client VM, exported to it alone by NFS."""

from pyinfra.api import deploy

from controller.this_run import this_fleet
from fleet.derived.datasets import datasets_of
from fleet.derived.exports import exports_of
from operations import files, nfs, systemd, zfs
from roles import pool
from roles.places import unit_file
from roles.templates import render

NFS_CONF = "/etc/nfs.conf.d/coop-infra.conf"
NFS_DROP_IN = unit_file("nfs-server.service.d/coop-infra.conf")


@deploy("Storage server")
def converge() -> None:
    files.present(name="Configuration", entries=_files())
    pool.converge(_datasets())
    systemd.running(name="Services", units=_units(), masked=nfs.OLD_UNITS)
    nfs.exports(name="Exports", wanted=_exports())


def _datasets() -> list[zfs.Dataset]:
    return [
        zfs.Dataset(it.name, it.properties, it.owner, it.inherited)
        for it in datasets_of(this_fleet())
    ]


def _exports() -> list[nfs.Export]:
    return [nfs.Export(it.path, it.client, it.options) for it in exports_of(this_fleet())]


def _files() -> list[files.Entry]:
    storage = this_fleet().storage
    policies = {f"{storage.pool.name}/{name}": it for name, it in storage.snapshots}
    return [
        files.File(NFS_CONF, render(__file__, "nfs.conf.j2", nfs=storage.nfs)),
        files.File(NFS_DROP_IN, render(__file__, "nfs-server.conf.j2")),
        pool.sanoid(policies, takes=True),
    ]


def _units() -> list[systemd.Unit]:
    served = systemd.Unit("nfs-server.service", restart_on=(NFS_CONF, NFS_DROP_IN))
    return [*pool.units(), served]
