"""A fleet with nodes of BigBlueButton."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from fleet.model import Fleet
from tests.unit.fleet_samples import fleet_of, sample

NODE: dict[str, Any] = {
    "roles": ["bbb"],
    "environment": "prod",
    "ubuntu": "22.04",
    "address": "203.0.113.41",
    "vpn": {"addresses": ["10.66.0.41", "fd66::41"]},
    "bbb": {
        "hostname": "bbb1.example.org",
        "release": "3.0.35",
        "public": {"ipv4": "203.0.113.41", "ipv6": "2001:db8::41"},
    },
}


def node(**changes: Any) -> dict[str, Any]:
    """The record of the node, with these fields of `bbb` otherwise."""
    record = deepcopy(NODE)
    record["bbb"].update(changes)
    return record


def fleet_with(directory: Path, **changes: Any) -> Fleet:
    """A fleet whose host bbb1 is that node."""
    return fleet_of(directory, sample(bbb1=node(**changes)))


BEHIND_NAT = {"public": {"ipv4": "203.0.113.41"}, "bind": "10.1.2.3"}
