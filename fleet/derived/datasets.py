"""The ZFS datasets that the fleet needs: <pool>/<environment>/<host>, one for each volume."""

from dataclasses import dataclass

from fleet.hosts import Host
from fleet.model import Fleet

ENVIRONMENTS = ("prod", "staging")


@dataclass(frozen=True)
class Dataset:
    """One filesystem.

    properties: those that are set on the dataset itself, and not inherited; sizes in bytes
    owner: (uid, gid) of its root directory; None to leave the directory to root
    inherited: the properties that the dataset must inherit from its parent
    """

    name: str
    properties: dict[str, str | int]
    owner: tuple[int, int] | None
    inherited: tuple[str, ...] = ()


def datasets_of(fleet: Fleet) -> list[Dataset]:
    """All datasets, each after its parent. They inherit mountpoints: /<name of the dataset>."""
    storage = fleet.storage
    # canmount=off: these only pass on their properties, so nobody can write beside the volumes.
    parent = {**storage.dataset_properties.chosen(), "canmount": "off"}
    return [
        Dataset(storage.pool.name, {}, None),
        *(Dataset(f"{storage.pool.name}/{name}", dict(parent), None) for name in ENVIRONMENTS),
        *(_volume(fleet, host) for host in fleet.hosts_with_volume()),
    ]


def dataset_name(fleet: Fleet, host: Host) -> str:
    """The dataset of the host's volume, e.g. "storage/prod/vision-prod1".

    Raises ValueError if the host has no volume.
    """
    if host.volume is None:
        raise ValueError(f"{host.name} has no volume")
    return f"{fleet.storage.pool.name}/{host.environment}/{host.name}"


def _volume(fleet: Fleet, host: Host) -> Dataset:
    volume = host.volume
    assert volume is not None
    # 0 is set too, so that a reservation that is gone from the data also goes from the pool.
    properties: dict[str, str | int] = {
        "quota": volume.quota,
        "reservation": volume.reservation or 0,
    }
    properties.update(volume.properties.chosen())
    inherited = tuple(fleet.storage.dataset_properties.chosen().keys() - properties.keys())
    owner = (volume.uid, volume.uid)
    return Dataset(dataset_name(fleet, host), properties, owner, tuple(sorted(inherited)))
