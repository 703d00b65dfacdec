"""A small valid fleet to spoil, and short ways to read one."""

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from fleet import ROOT
from fleet.load import read
from fleet.model import Fleet
from fleet.reading.problems import FleetError, Problem

GROUP_DATA = ROOT / "group_data"
REMOVED = object()

SITE = {
    "name": "vision.example.org",
    "repository": "https://example.org/vision.git",
    "commit": "0123456789abcdef0123456789abcdef01234567",
}

SAMPLE: dict[str, Any] = {
    "hosts": {
        "storage1": {
            "roles": ["storage"],
            "environment": "shared",
            "address": "192.0.2.11",
            "vpn": {"addresses": ["10.66.0.11", "fd66::11"]},
            "disks": ["ata-one", "ata-two"],
        },
        "stg1": {
            "roles": ["vision"],
            "environment": "staging",
            "address": "192.0.2.21",
            "vpn": {"addresses": ["10.66.0.21", "fd66::21"]},
            "volume": {"quota": "20G", "encrypted": False, "uid": 20001},
            "site": {**SITE},
        },
        "prod1": {
            "roles": ["vision"],
            "environment": "prod",
            "address": "192.0.2.22",
            "vpn": {"addresses": ["10.66.0.22", "fd66::22"]},
            "ssh": {"user": "ops", "port": 2222},
            "volume": {
                "quota": "1.5T",
                "reservation": "20G",
                "encrypted": True,
                "uid": 20002,
                "properties": {"recordsize": "1M", "sync": "always"},
            },
            "site": {**SITE, "name": "vision2.example.org"},
        },
    }
}

# Made for these tests; nobody has the private keys.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFntBfwjmkpKztKx9IceeYDk/U0KO6sG5WZYXYz1F6sr"
PEOPLE: dict[str, Any] = {
    "people": {
        "ops-hypha-1": {"coop": "hypha", "access": {"all": "admin"}, "ssh_keys": [{"key": KEY}]}
    }
}
HUB: dict[str, Any] = {
    "roles": ["hub"],
    "environment": "shared",
    "address": "192.0.2.31",
    "vpn": {
        "addresses": ["10.66.0.31", "fd66::31"],
        "people": ["10.66.1.0/24", "fd66:0:0:1::/64"],
    },
}
OFFSITE: dict[str, Any] = {
    "roles": ["offsite"],
    "environment": "shared",
    "address": "192.0.2.12",
    "vpn": {"addresses": ["10.66.0.12", "fd66::12"]},
    "disks": ["ata-far-one", "ata-far-two"],
}
NODE: dict[str, Any] = {
    "roles": ["bbb"],
    "environment": "prod",
    "ubuntu": "22.04",
    "address": "192.0.2.41",
    "vpn": {"addresses": ["10.66.0.41", "fd66::41"]},
    "bbb": {
        "hostname": "bbb1.example.org",
        "release": "3.0.35",
        "public": {"ipv4": "192.0.2.41", "ipv6": "2001:db8::41"},
        "mirror": {"url": "https://packages.example.org/bbb", "key": "keys/mirror.asc"},
        "turn": ["turns:turn.example.org:443?transport=tcp"],
        "recordings": {"formats": ["presentation", "video"], "published_days": 30},
        "balancer": "meet",
        "tag": "large",
        "overrides": {
            "web": {"disabledFeatures": "polls", "defaultMaxUsers": 100},
            "html5": {"public": {"app": {"clientTitle": "Meet.coop"}}},
            "sfu": {"mediasoup": {"workers": "auto"}},
            "recording": {"download": [1, 2.5, None]},
        },
    },
}
MONITOR: dict[str, Any] = {
    "roles": ["monitor"],
    "environment": "shared",
    "address": "192.0.2.51",
    "vpn": {"addresses": ["10.66.0.51", "fd66::51"]},
}
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


class _Plain(yaml.SafeDumper):
    """Writes a value anew each time that the data has it: the fleet refuses YAML's aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def sample(**changes: Any) -> dict[str, Any]:
    """The sample with changes by path: prod1__volume__quota=..., or REMOVED for no such field."""
    data = copy.deepcopy(SAMPLE)
    for path, value in changes.items():
        *parents, last = path.split("__")
        record = data["hosts"]
        for parent in parents:
            record = record[parent]
        if value is REMOVED:
            del record[last]
        else:
            record[last] = value
    return data


def write(directory: Path, data: Any, name: str = "coop.yml") -> Path:
    """Writes data to a new file, text and bytes as they are, else as YAML; returns the path."""
    path = directory / name
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        text = data if isinstance(data, str) else yaml.dump(data, Dumper=_Plain, sort_keys=False)
        path.write_text(text, encoding="utf-8")
    return path


def fleet_of(directory: Path, data: Any, people: Any = PEOPLE) -> Fleet:
    """The fleet that data describes with the repository's own group data."""
    return read(write(directory, data), GROUP_DATA, write(directory, people, "people.yml"), NOW)


def problems_of(
    directory: Path, data: Any, group_data: Path = GROUP_DATA, people: Any = PEOPLE
) -> list[Problem]:
    """All problems of the data; [] if there are none."""
    people_file = write(directory, people, "people.yml")
    try:
        read(write(directory, data), group_data, people_file, NOW)
    except FleetError as error:
        return list(error.problems)
    return []


def places(problems: list[Problem]) -> list[tuple[str, str]]:
    """The record and the field of each problem."""
    return [(problem.record, problem.field) for problem in problems]
