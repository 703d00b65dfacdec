"""The stored keys: public keys that hosts have made themselves, in files beside the inventory.

Each host makes its own pair and keeps the private half. A run stores the public half. So a run also
knows the keys of hosts that it does not reach, and takes no rights of theirs on other hosts away.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from fleet.reading.problems import FleetError, shown_path
from fleet.reading.records import read_records, shared_values
from fleet.values.fields import HostName, Record
from fleet.values.keys import SshKey, WireGuardKey

HEADING = """\
# The public keys of the hosts {what}. A run adds that of a host which has none here: commit it.
# A host that is installed anew makes another: take its entry out, and the next run adds the new.
"""


class _Named(Record):
    # Excluded because in the file the name is the record's key, and not a field.
    name: HostName = Field(exclude=True)


class _VpnKey(_Named):
    public_key: WireGuardKey


class _PullKey(_Named):
    public_key: SshKey


# By file: the state in which it was read, and the keys. Each host of a run needs the keys of all
# hosts. Reading the file for each would take time that grows with the square of the fleet.
_read: dict[Path, tuple[tuple[int, int, int], dict[str, str]]] = {}


@dataclass(frozen=True)
class HostKeys:
    """The keys of one kind, in their file. The file does not have to be there yet.

    what: which hosts these are, for the file's heading
    record: the model of a record, with `name` and `public_key`
    """

    file: Path
    what: str
    record: type[Any]

    def load(self) -> dict[str, str]:
        """The public keys by host; none if there is no file. Reads the file only if it has changed.

        Raises FleetError if the file cannot be read, for a value that is not a key, and for a key
        that two hosts have.
        """
        state = self._state()
        if state is None:
            return {}
        known = _read.get(self.file)
        if known is None or known[0] != state:
            known = _read[self.file] = state, self._parse()
        return dict(known[1])

    def _state(self) -> tuple[int, int, int] | None:
        """Time, size and inode of the file, which show whether it has changed; None without a file.

        The time alone is not enough, as file systems count it in steps of milliseconds. But `store`
        always makes a new file, and a longer one.
        """
        try:
            found = self.file.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _parse(self) -> dict[str, str]:
        found = read_records(self.record, "hosts", self.file, may_be_empty=True)
        keys = {name: record.public_key for name, record in found.valid.items()}
        each = {host: [key] for host, key in keys.items()}
        problems = [
            *found.problems,
            *shared_values(shown_path(self.file), "public_key", each),
        ]
        if problems:
            raise FleetError(problems)
        return keys

    def store(self, host: str, public_key: str) -> None:
        """Adds the key of the host to the file. Never changes a key that is there.

        Raises ValueError if the host has another key in the file, or if another host has this key:
        then one machine is a copy of the other. Raises FleetError if the file cannot be used.
        """
        keys = self.load()
        if keys.get(host, public_key) != public_key:
            raise ValueError(f"{host} has another key in {shown_path(self.file)}")
        twin = next((it for it, key in keys.items() if key == public_key and it != host), None)
        if twin:
            raise ValueError(
                f"{host} has the key of {twin}: one is a copy of the other; make it new"
            )
        self._write({**keys, host: public_key})

    def _write(self, keys: dict[str, str]) -> None:
        records = {name: {"public_key": key} for name, key in sorted(keys.items())}
        new = self.file.with_suffix(".new")
        with new.open("w", encoding="utf-8") as stream:
            stream.write(HEADING.format(what=self.what) + yaml.safe_dump({"hosts": records}))
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self.file)


def vpn_keys(file: Path) -> HostKeys:
    """The WireGuard keys of the hosts in the VPN."""
    return HostKeys(file, "in the VPN", _VpnKey)


def pull_keys(file: Path) -> HostKeys:
    """The SSH keys by which the hosts with the role offsite pull from the storage server."""
    return HostKeys(file, "that pull copies", _PullKey)
