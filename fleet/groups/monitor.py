"""group_data/monitor.py: a host that watches over all others, and calls who is on call."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool, StrictInt, field_validator
from pydantic import ValidationInfo as Info

from fleet.groups.base import Group, Positive
from fleet.ports import Port
from fleet.reading.problems import Invalid
from fleet.values.fields import (
    Address,
    DnsName,
    MailAddress,
    PortNumber,
    Record,
    Size,
    Text,
    matching,
)


class MailServer(Record):
    """Where messages go out: SMTP, RFC 5321.

    host, port: where it takes messages; sender: from whom they are
    user: who logs in, by MAIL_PASSWORD of .env; "" for nobody
    tls: whether it has to offer STARTTLS, or speaks TLS from the first byte, as at port 465
    """

    host: DnsName | Address
    port: PortNumber
    sender: MailAddress
    user: Text | Literal[""] = ""
    tls: StrictBool = Field(True, validate_default=True)

    @field_validator("tls")
    @classmethod
    def _hides_the_password(cls, tls: bool, info: Info) -> bool:
        if not tls and info.data.get("user"):
            message = "everybody on the way could read the password of the user"
            raise Invalid(message, "write tls: True, or take the user out")
        return tls


class MailServers(Record):
    """The servers to choose from. lab: the lab's own, which its hosts use."""

    production: MailServer
    lab: MailServer


class Room(Record):
    """A room of Matrix, which everybody on call is in.

    homeserver: the URL of the server of the account that writes; room: its id, not its alias
    """

    homeserver: Annotated[
        Text,
        matching(
            r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?",
            "the URL of a homeserver",
            "write one such as https://matrix.example.org, without / at its end",
        ),
    ]
    room: Annotated[
        Text,
        matching(
            r"![!-~]{1,254}",
            "the id of a room",
            "write its internal id, such as !abc:example.org: the room's settings show it",
        ),
    ]


class Rooms(Record):
    """The rooms to choose from; None for no room. lab: the lab's own."""

    production: Room | None
    lab: Room | None

    @field_validator("production")
    @classmethod
    def _hides_the_token(cls, room: Room | None) -> Room | None:
        if room and room.homeserver.startswith("http:"):
            raise Invalid("everybody on the way could read the token", "write https://")
        return room


class MonitorGroup(Group):
    """Prometheus and Alertmanager. docs/monitoring.md

    port, alertmanager: TCP, at the host's IPv4 address in the VPN, for the people in the VPN
    peers: TCP and UDP, there, by which the Alertmanagers of two monitors agree who sends a message
    scrape_seconds: how often each host is asked
    retention_days, retention_size: what is older, or beyond that many bytes, goes
    runbooks: the URL below which people read docs/runbooks
    mail: where messages go out; matrix: the room in which they are said too
    repeat_hours: after how many hours somebody is told again what still is wrong
    """

    in_drills: ClassVar = False
    calls: ClassVar = True
    looks: ClassVar = {"coop_handover_status_timestamp_seconds": 300}

    port: PortNumber
    alertmanager: PortNumber
    peers: PortNumber
    scrape_seconds: Annotated[StrictInt, Field(ge=5, le=120)]
    retention_days: Positive
    retention_size: Size
    runbooks: Annotated[
        Text,
        matching(r"https://[A-Za-z0-9._~/-]+/", "a URL", "write https:// and a / at its end"),
    ]

    mail: MailServers
    matrix: Rooms
    repeat_hours: Annotated[StrictInt, Field(ge=1, le=24)]

    @property
    def ports(self) -> tuple[Port, ...]:
        return (
            Port("Prometheus", self.port, to="people", job="prometheus"),
            Port("Alertmanager", self.alertmanager, to="people", job="alertmanager"),
            Port("Alertmanager's peers", self.peers, to="monitor"),
            Port("Alertmanager's peers", self.peers, to="monitor", protocol="udp"),
        )
