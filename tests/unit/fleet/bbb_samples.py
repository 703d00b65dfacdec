"""Nodes of BigBlueButton to spoil."""

import copy
from pathlib import Path
from typing import Any

from fleet.reading.problems import Problem
from tests.unit.fleet_samples import NODE, REMOVED, problems_of, sample


def node(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A node's record with changes by path: bbb__release=..., or REMOVED for no such field.

    number: makes addresses and hostname those of another node
    """
    record = copy.deepcopy(NODE)
    record["address"] = record["bbb"]["public"]["ipv4"] = f"192.0.2.{40 + number}"
    record["vpn"]["addresses"] = [f"10.66.0.{40 + number}", f"fd66::{40 + number}"]
    record["bbb"]["public"]["ipv6"] = f"2001:db8::{40 + number}"
    record["bbb"]["hostname"] = f"bbb{number}.example.org"
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = record
        for parent in parents:
            inner = inner[parent]
        if value is REMOVED:
            del inner[last]
        else:
            inner[last] = value
    return record


def problems(directory: Path, *nodes: dict[str, Any]) -> list[Problem]:
    """The problems of the sample fleet with these nodes, bbb1 and so on."""
    named = {f"bbb{number}": it for number, it in enumerate(nodes, 1)}
    return problems_of(directory, sample(**named))
