"""Problems that only show between hosts, or with group data: an address twice, too few disks.

These checks look at the data as it was read, so that they also see hosts with other mistakes. They
skip values that are malformed: the models report those.
"""

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from fleet import is_lab
from fleet.groups.offsite import OffsiteGroup
from fleet.groups.storage import StorageGroup
from fleet.reading.private import secret_in
from fleet.reading.problems import Problem
from fleet.reading.records import shared_values

Raw = Mapping[str, Any]

# raidz: one or two disks for parity, and at least two for data, as with one a mirror does the same.
# A "single" has exactly one disk: with several, the loss of any of them would lose the pool.
FEWEST_DISKS = {"single": 1, "mirror": 2, "raidz1": 3, "raidz2": 4}
# Of a mirror. With more the data means several mirrors, which are another pool.
MOST_DISKS = 3


def check_hosts(file: str, hosts: Mapping[str, Raw], pools: Mapping[str, Any]) -> Iterator[Problem]:
    """Every problem between the hosts, or with their pools.

    hosts: by name, as read; pools: the settings by role, as read
    """
    yield from shared_values(file, "address", _of_each(hosts, _address))
    yield from shared_values(file, "volume.uid", _of_each(hosts, _uid))
    yield from shared_values(file, "site.name", _of_each(hosts, _site_name))
    yield from _one_storage_host(file, hosts)
    for role, pool in pools.items():
        for name in _with_role(hosts, role):
            yield from _disks_fit(file, name, "disks", hosts[name].get("disks"), pool)
            yield from _vdevs_fit(file, name, hosts[name].get("vdevs"), pool)
    if not is_lab(Path(file)):
        for name, host in hosts.items():
            if "lab" in host:
                message = "only the hosts of lab.yml are made by lab/up"
                yield Problem(file, name, "lab", message, "take it out")


def check_copies(file: str, storage: StorageGroup, offsite: OffsiteGroup) -> Iterator[Problem]:
    """A problem for each kind of snapshot that the data keeps off-site, and that nobody takes."""
    for environment, kept in offsite.snapshots:
        taken = getattr(storage.snapshots, environment)
        for period, count in kept:
            if count and not getattr(taken, period):
                message = f"{count} are to be kept off-site, and the storage server takes none"
                remedy = "write at least 1 for it in group_data/storage.py, or 0 here"
                yield Problem(file, "snapshots", f"{environment}.{period}", message, remedy)


def _of_each(
    hosts: Mapping[str, Raw], value_of: Callable[[Raw], object]
) -> dict[str, list[object]]:
    values = {name: value_of(host) for name, host in hosts.items()}
    return {name: [value] for name, value in values.items() if value is not None}


def _address(host: Raw) -> object:
    try:
        address = host.get("address")
        return ip_address(address.strip()) if isinstance(address, str) else None
    except ValueError:
        return None


def _uid(host: Raw) -> object:
    volume = host.get("volume")
    uid = volume.get("uid") if isinstance(volume, Mapping) else None
    return uid if isinstance(uid, int) else None


def _site_name(host: Raw) -> object:
    site = host.get("site")
    name = site.get("name") if isinstance(site, Mapping) else None
    return name.strip() if isinstance(name, str) and not secret_in(name) else None


def _with_role(hosts: Mapping[str, Raw], role: str) -> list[str]:
    roles = {name: host.get("roles") for name, host in hosts.items()}
    return [name for name, has in roles.items() if isinstance(has, list) and role in has]


def _one_storage_host(file: str, hosts: Mapping[str, Raw]) -> Iterator[Problem]:
    names = _with_role(hosts, "storage")
    if not names:
        message = "no host has the role storage"
        yield Problem(file, "hosts", "", message, "give it to exactly one")
    if len(names) > 1:
        message = f"{' and '.join(names)} have the role storage"
        yield Problem(file, "hosts", "", message, "leave it to one of them")


def _vdevs_fit(file: str, name: str, vdevs: Any, pool: Any) -> Iterator[Problem]:
    if not isinstance(vdevs, list):
        return
    for number, vdev in enumerate(vdevs):
        yield from _disks_fit(file, name, f"vdevs.{number}", vdev, pool)
    if isinstance(pool, Mapping) and pool.get("layout") == "single" and len(vdevs) > 1:
        message = f"{len(vdevs)} are too many for the pool's layout single"
        yield Problem(file, name, "vdevs", message, "list one, or choose mirror for the layout")


def _disks_fit(file: str, name: str, field: str, disks: Any, pool: Any) -> Iterator[Problem]:
    layout = pool.get("layout") if isinstance(pool, Mapping) else None
    fewest = FEWEST_DISKS.get(layout) if isinstance(layout, str) else None
    if not isinstance(disks, list) or not disks or fewest is None:
        return
    if len(disks) < fewest:
        message = f"{len(disks)} are too few for the pool's layout {layout}"
        yield Problem(file, name, field, message, f"list at least {fewest}")
    if layout == "single" and len(disks) > 1:
        message = f"{len(disks)} are too many for the pool's layout single"
        yield Problem(file, name, field, message, "list one, or choose mirror for the layout")
    if layout == "mirror" and len(disks) > MOST_DISKS:
        message = f"{len(disks)} disks would be one mirror, with the room of one disk"
        remedy = "write vdevs: with a list for each mirror, such as [[one, two], [three, four]]"
        yield Problem(file, name, field, message, remedy)
