"""group_data/watcher.py: a host that calls everybody when a monitor is gone."""

from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from fleet.groups.base import Group
from fleet.groups.monitor import MailServers
from fleet.ports import Port
from fleet.values.fields import PortNumber


class WatcherGroup(Group):
    """It listens for each monitor, and has a way of its own to people. docs/monitoring.md

    port: TCP, at the host's IPv4 address in the VPN, for the monitors alone
    silence_minutes: how long a monitor may be silent
    mail: where its messages go out
    """

    in_drills: ClassVar = False
    calls: ClassVar = True

    port: PortNumber
    silence_minutes: Annotated[StrictInt, Field(ge=3, le=60)]
    mail: MailServers

    @property
    def ports(self) -> tuple[Port, ...]:
        return (Port("Watcher", self.port, to="monitor", job="watcher"),)
