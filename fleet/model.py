"""The whole fleet: its hosts, its people, and what each group of hosts should be."""

from collections.abc import Collection
from pathlib import Path

from fleet import LAB_STATE, is_lab
from fleet.groups import Groups
from fleet.groups.base import Group
from fleet.groups.pool import PoolGroup
from fleet.host_keys import HostKeys, pull_keys, vpn_keys
from fleet.hosts import Host
from fleet.people import Person


class Fleet(Groups):
    """Everything that is declared. Made by `fleet.load.load`, which has checked all of it.

    hosts, people: by name, in the order of their files
    file: the inventory that it was read from, absolute
    """

    file: Path
    hosts: dict[str, Host]
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

    def group(self, name: str) -> Group:
        """What the hosts of that group should be; raises KeyError if there is none."""
        if name not in Groups.model_fields:
            raise KeyError(name)
        group: Group = getattr(self, name)
        return group

    def pool_group(self, host: Host) -> PoolGroup:
        """What is said of the host's pool; raises ValueError if it has none."""
        for role in host.roles:
            group = self.group(role)
            if isinstance(group, PoolGroup):
                return group
        raise ValueError(f"{host.name} has no pool")

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

    def hosts_in(self, environments: Collection[str]) -> list[Host]:
        return [host for host in self.hosts.values() if host.environment in environments]
