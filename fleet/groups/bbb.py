"""group_data/bbb.py: nodes of BigBlueButton, the lines of its releases, balancers, times."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictInt, field_validator
from pydantic import ValidationInfo as Info

from fleet.bbb import BalancerName, Days
from fleet.groups.base import Group, Positive
from fleet.groups.bbb_lines import Line
from fleet.ports import Port
from fleet.reading.problems import Invalid, shown
from fleet.values.durations import Duration
from fleet.values.fields import Record, Size, Text, matching

LineName = Annotated[
    Text, matching(r"[0-9]{1,2}\.[0-9]{1,2}", "a line of releases", "write one such as 3.0")
]

# Questions and answers hold secrets, so http is for this machine alone. By driver: what fits, and
# the remedy for what does not.
_URLS = {
    "scalelite": (
        r"(?:https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|http://(?:127\.0\.0\.1|localhost))"
        r"(?::[0-9]{1,5})?",
        "write one such as https://meet.example.org, without a path and without / at its end",
    ),
    "bbblb": (
        r"command:(?:/[A-Za-z0-9._+-]+)+",
        "write command: and the whole path of the program that docs/balancers.md shows",
    ),
}


class Balancer(Record):
    """What shares out meetings among nodes.

    driver: the kind of its interface; url: where that is. For scalelite without anything behind
        the host; for bbblb command: and a program on the operator's machine (docs/balancers.md)
    min_serving: how many of its nodes have to serve at any time
    """

    driver: Literal["scalelite", "bbblb"]
    url: Text
    min_serving: Annotated[StrictInt, Field(ge=1, le=1000)]

    @field_validator("url")
    @classmethod
    def _is_for_its_driver(cls, url: str, info: Info) -> str:
        driver = info.data.get("driver")
        if driver is not None and not re.fullmatch(_URLS[driver][0], url):
            message = f"{shown(url)} is not the address of a balancer that is {driver}"
            raise Invalid(message, _URLS[driver][1])
        return url


class BbbGroup(Group):
    """Nodes of BigBlueButton.

    lines: by name, such as "3.0"; balancers: by name
    patience: how long a node may take until no meeting runs on it
    look: how long it is from one look at a node's meetings to the next
    change: how long an upgrade may take
    poll: how often a balancer looks at its nodes
    deleted_days: for how many days a node keeps recordings that somebody has deleted
    spool_max_days: for how many days recordings may wait to be handed over
    spool_room: how many bytes what waits leaves free on the node's disk
    """

    # A drill opens a node's volume and compares what is in it.
    in_drills: ClassVar = False
    # A test compares these with the lines.
    accounts: ClassVar = (
        "bigbluebutton", "freeswitch", "etherpad", "meteor", "turnserver", "haproxy",
    )  # fmt: skip

    # Whoever gives a meeting a presentation by its address makes the node fetch it.
    confined: ClassVar = True
    looks: ClassVar = {"coop_recording_status_timestamp_seconds": 3600}

    lines: dict[LineName, Line]
    balancers: dict[BalancerName, Balancer]
    patience: Duration
    look: Duration
    change: Duration
    poll: Duration
    deleted_days: Days
    spool_max_days: Positive
    spool_room: Size

    @property
    def ports(self) -> tuple[Port, ...]:
        return (
            Port("HTTP", 80, to="all"),
            Port("HTTPS", 443, to="all"),
            Port("TURN", 3478, to="all"),
            Port("TURN and STUN", 3478, to="all", protocol="udp"),
            # FreeSWITCH, the SFU and LiveKit share the range. What the node's own TURN server
            # relays goes to the node itself, so no port above is open.
            Port("Media", 16384, to="all", protocol="udp", last=32768),
        )
