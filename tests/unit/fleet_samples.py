"""A small valid fleet to spoil, and short ways to read one."""

import copy
from pathlib import Path
from typing import Any

import yaml

from fleet import ROOT
from fleet.load import read
from fleet.model import Fleet
from fleet.problems import FleetError, Problem

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
            "disks": ["ata-one", "ata-two"],
        },
        "stg1": {
            "roles": ["vision"],
            "environment": "staging",
            "address": "192.0.2.21",
            "volume": {"quota": "20G", "encrypted": False, "uid": 20001},
            "site": {**SITE},
        },
        "prod1": {
            "roles": ["vision"],
            "environment": "prod",
            "address": "192.0.2.22",
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


def sample(**changes: Any) -> dict[str, Any]:
    """The sample with changes by path: prod1__volume__quota=..., or REMOVED to take one out."""
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


def write(directory: Path, data: Any) -> Path:
    """The path of a new inventory with data: its text or bytes, or what to write as YAML."""
    path = directory / "coop.yml"
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        text = data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False)
        path.write_text(text, encoding="utf-8")
    return path


def fleet_of(directory: Path, data: Any) -> Fleet:
    """The fleet that data describes with the repository's own group data."""
    return read(write(directory, data), GROUP_DATA)


def problems_of(directory: Path, data: Any, group_data: Path = GROUP_DATA) -> list[Problem]:
    """Everything that is found wrong with data, [] if nothing."""
    try:
        read(write(directory, data), group_data)
    except FleetError as error:
        return list(error.problems)
    return []


def places(problems: list[Problem]) -> list[tuple[str, str]]:
    """The record and the field of each problem."""
    return [(problem.record, problem.field) for problem in problems]
