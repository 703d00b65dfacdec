"""The groups of hosts. Each has a class, which is the model of its file of group_data.

A new group is a file here, a field of Groups, and a file of group_data. The rest follows from
these: the loader, `--limit`, what a person's `access` may name, ports, accounts.
"""

from typing import ClassVar

from fleet.groups.backups import BackupsGroup
from fleet.groups.base import ROLE, Group
from fleet.groups.bbb import BbbGroup
from fleet.groups.certificates import CertificatesGroup
from fleet.groups.clients import ClientsGroup
from fleet.groups.exporters import ExportersGroup
from fleet.groups.monitor import MonitorGroup
from fleet.groups.offsite import OffsiteGroup
from fleet.groups.pool import PoolGroup
from fleet.groups.scalelite import ScaleliteGroup
from fleet.groups.storage import StorageGroup
from fleet.groups.vision import VisionGroup
from fleet.groups.vpn import HubGroup, VpnGroup
from fleet.groups.watcher import WatcherGroup
from fleet.values.fields import Record


class AllGroup(Group):
    """group_data/all.py: every host."""

    member_by: ClassVar = "name"


class Groups(Record):
    """What the hosts of each group should be: a field for each file of group_data."""

    all: AllGroup
    clients: ClientsGroup
    vpn: VpnGroup
    backups: BackupsGroup
    certificates: CertificatesGroup
    exporters: ExportersGroup
    storage: StorageGroup
    offsite: OffsiteGroup
    vision: VisionGroup
    hub: HubGroup
    bbb: BbbGroup
    scalelite: ScaleliteGroup
    monitor: MonitorGroup
    watcher: WatcherGroup


GROUPS: dict[str, type[Group]] = {
    name: field.annotation
    for name, field in Groups.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Group)
}
"""The class of each group, by name. `--limit` takes the name of a host or of a group."""

ROLES = tuple(name for name, kind in GROUPS.items() if kind.member_by == ROLE)

POOLED = tuple(name for name, kind in GROUPS.items() if issubclass(kind, PoolGroup))
"""The roles whose hosts have a ZFS pool."""
