"""The whole fleet: its hosts, what their groups should be, and what follows from both."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from fleet import LAB_STATE, access, datasets, exports, is_lab
from fleet.fields import Record
from fleet.groups import (
    AllGroup,
    BackupsGroup,
    ClientsGroup,
    OffsiteGroup,
    PoolGroup,
    StorageGroup,
    VisionGroup,
    VpnGroup,
)
from fleet.host_keys import HostKeys, pull_keys, vpn_keys
from fleet.hosts import Host
from fleet.networks import within
from fleet.offsite import Copy, copies_of
from fleet.people import Person


class Fleet(Record):
    """Everything that is declared. Made by `fleet.load.load`, which has checked all of it.

    hosts, people: by name, in the order of their files
    file: the inventory that it was read from, absolute
    """

    file: Path
    hosts: dict[str, Host]
    all: AllGroup
    storage: StorageGroup
    offsite: OffsiteGroup
    clients: ClientsGroup
    backups: BackupsGroup
    vision: VisionGroup
    vpn: VpnGroup
    people: dict[str, Person]

    @property
    def vpn_keys(self) -> HostKeys:
        """The keys of the hosts in the VPN, as they are stored."""
        return vpn_keys(self._beside("vpn-keys"))

    @property
    def pull_keys(self) -> HostKeys:
        """The SSH keys by which the hosts with the role offsite pull, as they are stored."""
        return pull_keys(self._beside("pull-keys"))

    def _beside(self, name: str) -> Path:
        """The file of that name for what runs write down, beside the inventory."""
        if is_lab(self.file):
            return LAB_STATE / f"{name}.yml"
        return self.file.with_name(f"{self.file.stem}-{name}.yml")

    def pool_group(self, host: Host) -> PoolGroup:
        """What is said of the host's pool; raises ValueError if it has none."""
        if "storage" in host.roles:
            return self.storage
        if "offsite" in host.roles:
            return self.offsite
        raise ValueError(f"{host.name} has no pool")

    def packages(self, host: Host) -> set[str]:
        """Those of all groups that the host belongs to; a group need not have any data.

        A host that keeps copies restores them on trial, with what their clients have.
        """
        names = {*host.groups}
        if "offsite" in names:
            names.update(*(client.groups for client in self.hosts_with_volume()))
        groups = (getattr(self, name, None) for name in names)
        return {package for group in groups if group for package in group.packages}

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

    def hosts_in_vpn(self) -> list[Host]:
        return [host for host in self.hosts.values() if host.vpn]

    def vpn_prefixes(self) -> list[str]:
        """Every prefix of the VPN: of its servers, and of the people of each hub."""
        people = [prefix for host in self.hosts_in_vpn() if host.vpn for prefix in host.vpn.people]
        return [*self.vpn.servers, *people]

    def is_in_vpn(self, address: str) -> bool:
        """Whether it is an address of the VPN; False for what is no address at all."""
        with suppress(ValueError):
            return within(address, self.vpn_prefixes())
        return False

    def hosts_in(self, environments: Collection[str]) -> list[Host]:
        return [host for host in self.hosts.values() if host.environment in environments]

    def datasets(self) -> list[datasets.Dataset]:
        """Every ZFS dataset, each after its parent."""
        return datasets.datasets(self)

    def dataset_name(self, host: Host) -> str:
        """The dataset of the host's volume; raises ValueError if it has none."""
        return datasets.dataset_name(self, host)

    def accounts(self, host: Host, now: datetime) -> list[access.Account]:
        """The people who may log in to the host at that time, by name."""
        return access.accounts(self.people.values(), host, now)

    def copies(self) -> list[Copy]:
        """What each host with the role offsite keeps of the storage server."""
        return copies_of(self)

    def exports(self) -> list[exports.Export]:
        """Every NFS export, whichever part of the fleet a run is about."""
        return exports.exports(self)
