"""group_data/exporters.py: every host in the VPN."""

from typing import ClassVar

from fleet.groups.base import Group
from fleet.ports import Port
from fleet.values.fields import PortNumber


class ExportersGroup(Group):
    """A host's own figures, for Prometheus; port: TCP, at its IPv4 address in the VPN."""

    member_by: ClassVar = "vpn"
    looks: ClassVar = {"coop_metrics_timestamp_seconds": 300}

    port: PortNumber

    @property
    def ports(self) -> tuple[Port, ...]:
        return (Port("Metrics", self.port, to="vpn", job="node"),)
