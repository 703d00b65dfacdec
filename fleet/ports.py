"""What hosts open to the network."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Port:
    """A port at which a service of a host listens.

    name: the service's name in messages
    to: the group that may reach the port. "all": from anywhere. "vpn": from within the VPN, people
        included. Any other group: its hosts, from their addresses in the VPN
    """

    name: str
    number: int
    to: str
    protocol: Literal["tcp", "udp"] = "tcp"
