"""The public keys of the hosts in the VPN, as they are kept beside the inventory.

Each host makes its own pair and keeps the private half. The public half is written down, so that a
run that does not reach a host still knows it: the others' peers never shrink to the hosts at hand.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import Field

from fleet.checks import shared_values
from fleet.fields import HostName, Record
from fleet.keys import WireGuardKey
from fleet.problems import FleetError, shown_path
from fleet.records import read_records

HEADING = """\
# The public keys of the hosts in the VPN. A run adds that of a host which has none here: commit it.
# A host that is installed anew makes another: take its entry out, and the next run adds the new.
"""


class HostKey(Record):
    """The public key of one host."""

    # Excluded because in the file it is the key of the record and no field of it.
    name: HostName = Field(exclude=True)
    public_key: WireGuardKey


def load(file: Path) -> dict[str, str]:
    """The public keys in the file by host, none if there is no file.

    Raises FleetError for what is not a key, and for a key of two hosts.
    """
    if not file.exists():
        return {}
    found = read_records(HostKey, "hosts", file)
    keys = {name: record.public_key for name, record in found.valid.items()}
    name = shown_path(file)
    each = {host: [key] for host, key in keys.items()}
    problems = [*found.problems, *shared_values(name, "public_key", each)]
    if problems:
        raise FleetError(problems)
    return keys


def store(file: Path, host: str, public_key: str) -> None:
    """Writes the key of the host down, beside those that are there; never changes one.

    Raises ValueError if the host has another key in the file, or if another host has this one: then
    one machine is a copy of the other. Raises FleetError if the file cannot be used.
    """
    keys = load(file)
    if keys.get(host, public_key) != public_key:
        raise ValueError(f"{host} has another key in {shown_path(file)}")
    if owner := next((it for it, key in keys.items() if key == public_key and it != host), None):
        raise ValueError(f"{host} has the key of {owner}: one is a copy of the other; make it new")
    _write(file, {**keys, host: public_key})


def _write(file: Path, keys: Mapping[str, str]) -> None:
    records = {name: {"public_key": key} for name, key in sorted(keys.items())}
    new = file.with_suffix(".new")
    with new.open("w", encoding="utf-8") as stream:
        stream.write(HEADING + yaml.safe_dump({"hosts": records}))
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
