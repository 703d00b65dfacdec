"""The whole fleet: its hosts, what their groups should be, and what follows from both."""

from collections.abc import Collection
from pathlib import Path

from fleet import datasets, exports
from fleet.fields import Record
from fleet.groups import ClientsGroup, StorageGroup, VisionGroup
from fleet.hosts import Host


class Fleet(Record):
    """Everything that is declared. Made by `fleet.load.load`, which has checked all of it.

    hosts: by name, in the order of the file
    file: the inventory that it was read from, absolute
    """

    file: Path
    hosts: dict[str, Host]
    storage: StorageGroup
    clients: ClientsGroup
    vision: VisionGroup

    @property
    def storage_host(self) -> Host:
        """The one host with the role storage."""
        return self.hosts_with_role("storage")[0]

    def host(self, name: str) -> Host:
        """The host of that name; raises KeyError if there is none."""
        return self.hosts[name]

    def hosts_with_role(self, role: str) -> list[Host]:
        return [host for host in self.hosts.values() if role in host.roles]

    def hosts_with_volume(self) -> list[Host]:
        """The storage server's clients."""
        return [host for host in self.hosts.values() if host.volume]

    def hosts_in(self, environments: Collection[str]) -> list[Host]:
        return [host for host in self.hosts.values() if host.environment in environments]

    def datasets(self) -> list[datasets.Dataset]:
        """Every ZFS dataset, each after its parent."""
        return datasets.datasets(self)

    def dataset_name(self, host: Host) -> str:
        """The dataset of the host's volume; raises ValueError if it has none."""
        return datasets.dataset_name(self, host)

    def exports(self) -> list[exports.Export]:
        """Every NFS export, whichever part of the fleet a run is about."""
        return exports.exports(self)
