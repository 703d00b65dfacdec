"""The whole fleet: its hosts, its people, and what each group of hosts should be."""

from collections.abc import Collection
from pathlib import Path

from fleet import LAB_STATE, is_lab
from fleet.groups import Groups
from fleet.groups.base import Group
from fleet.groups.certificates import AcmeServer
from fleet.groups.monitor import MailServer, MailServers, Room
from fleet.groups.pool import PoolGroup
from fleet.host_keys import HostKeys, pull_keys, vpn_keys
from fleet.hosts import Host
from fleet.oncall import OnCall
from fleet.people import Person


class Fleet(Groups):
    """Everything that the data declares. `fleet.load.load` makes a fleet, after checking all of it.

    file: the absolute path of the inventory
    hosts, people: by name, in the order of their files
    oncall: who is on call; None if no host watches over the others, or the data of it is wrong
    """

    file: Path
    hosts: dict[str, Host]
    people: dict[str, Person]
    oncall: OnCall | None = None

    @property
    def vpn_keys(self) -> HostKeys:
        """The stored keys of the hosts in the VPN."""
        return vpn_keys(self._beside("vpn-keys"))

    @property
    def pull_keys(self) -> HostKeys:
        """The stored SSH keys by which the hosts with the role offsite pull."""
        return pull_keys(self._beside("pull-keys"))

    @property
    def acme_server(self) -> AcmeServer:
        """The server that the hosts' certificates come from."""
        servers = self.certificates.acme
        if is_lab(self.file):
            return servers.lab
        return servers.production if self.certificates.chosen == "production" else servers.staging

    def mail_server(self, servers: MailServers) -> MailServer:
        """The one of the servers by which messages go out."""
        return servers.lab if is_lab(self.file) else servers.production

    @property
    def room(self) -> Room | None:
        """The room of Matrix for messages; None for no room."""
        return self.monitor.matrix.lab if is_lab(self.file) else self.monitor.matrix.production

    def _beside(self, name: str) -> Path:
        """The file beside the inventory into which runs write, e.g. "vpn-keys"."""
        if is_lab(self.file):
            return LAB_STATE / f"{name}.yml"
        return self.file.with_name(f"{self.file.stem}-{name}.yml")

    def group(self, name: str) -> Group:
        """What the hosts of that group should be. Raises KeyError if there is no such group."""
        if name not in Groups.model_fields:
            raise KeyError(name)
        group: Group = getattr(self, name)
        return group

    def pool_group(self, host: Host) -> PoolGroup:
        """The settings of the host's pool. Raises ValueError if the host has no pool."""
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
        """The host of that name. Raises KeyError if there is no such host."""
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
