"""group_data/vpn.py and hub.py: a host with `vpn`, and the hub through which people come."""

from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from fleet.groups.base import Group
from fleet.ports import Port
from fleet.values.fields import PortNumber, Text, matching
from fleet.values.networks import BothPrefixes


class VpnGroup(Group):
    """The WireGuard interface of every host in the VPN.

    servers: the prefixes, IPv4 and IPv6, that hold the servers' addresses
    port: the UDP port at which every host listens
    """

    member_by: ClassVar = "vpn"

    interface: Annotated[
        Text,
        matching(
            # These words mean something else to wg(8) and to the kernel. wg-quick(8): at most 15.
            r"(?!(?:all|default|help|interfaces|lo)$)[A-Za-z][A-Za-z0-9_-]{0,14}",
            "an interface name that WireGuard can have here",
            "use letters, digits, - and _, a letter first, at most 15 in all, such as wg0",
        ),
    ]
    port: PortNumber
    servers: BothPrefixes

    @property
    def ports(self) -> tuple[Port, ...]:
        return (Port("WireGuard", self.port, to="all", protocol="udp"),)

    @property
    def unit(self) -> str:
        """The systemd unit that brings the tunnel up: wg-quick(8)."""
        return f"wg-quick@{self.interface}.service"


class HubGroup(Group):
    """What the people who come through a hub get in their configuration.

    keepalive_seconds: how often a person's machine sends something to the hub; 0 for never
    """

    keepalive_seconds: Annotated[StrictInt, Field(ge=0, le=65535)]
