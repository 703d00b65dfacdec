"""What hosts open to the network."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ValidationInfo as Info
from pydantic import field_validator

from fleet.reading.problems import Invalid
from fleet.values.fields import PortNumber, Record, Text, matching

Protocol = Literal["tcp", "udp"]


@dataclass(frozen=True)
class Port:
    """A port at which a service of a host listens, or a range of ports.

    name: the service's name in messages
    number: the port, or the first one of a range; last: the last one of a range, 0 for one port
    to: who may reach the port.
        "all": everybody, from anywhere
        "people": everybody within the VPN
        "vpn": the servers within the VPN. People of the VPN reach the port too where the public
            side is open
        any other group: its hosts, from their addresses in the VPN
    job: by this name Prometheus asks for metrics there; "" for a port without
    """

    name: str
    number: int
    to: str
    protocol: Protocol = "tcp"
    last: int = 0
    job: str = ""

    def __str__(self) -> str:
        """As people write it, e.g. "tcp 80"."""
        return f"{self.protocol} {self.range}"

    @property
    def range(self) -> str:
        """As nft(8) writes it, e.g. "80" or "16384-32768"."""
        return f"{self.number}-{self.last}" if self.last else str(self.number)

    def holds(self, protocol: str, number: int) -> bool:
        """Whether this is, or has in its range, the port of that number."""
        return protocol == self.protocol and self.number <= number <= (self.last or self.number)


class PortByHand(Record):
    """A port that a host opens beside those of its groups.

    port: the port, or the first one of a range; last: the last one of a range
    to: as in Port
    reason: what listens there, and for whom
    """

    port: PortNumber
    last: PortNumber | None = None
    protocol: Protocol = "tcp"
    to: Text
    reason: Annotated[
        Text,
        matching(
            r"\S[^\x00-\x1f\x7f-\x9f]{2,79}",
            "a reason",
            "write in one line of 3 to 80 characters what listens there, and for whom",
        ),
    ]

    @field_validator("last")
    @classmethod
    def _comes_after(cls, last: int | None, info: Info) -> int | None:
        first = info.data.get("port")
        if last is not None and first is not None and last <= first:
            raise Invalid(f"{last} is not after {first}", "write the last port, or leave it out")
        return last

    def as_port(self) -> Port:
        return Port(f"{self.reason} (by hand)", self.port, self.to, self.protocol, self.last or 0)
