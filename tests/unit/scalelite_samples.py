"""A fleet with Scalelite, whose image is chosen."""

import shutil
from pathlib import Path
from typing import Any

from fleet.load import read
from fleet.model import Fleet
from tests.unit.fleet_samples import GROUP_DATA, NOW, PEOPLE, sample, write

DIGEST = "sha256:" + "0123456789abcdef" * 4
LB: dict[str, Any] = {
    "roles": ["scalelite"],
    "environment": "prod",
    "address": "192.0.2.51",
    "vpn": {"addresses": ["10.66.0.51", "fd66::51"]},
    "scalelite": {"balancer": "meet"},
    "certificate": {"name": "meet.example.org"},
}


def group_data(directory: Path, *changes: tuple[str, str], file: str = "scalelite") -> Path:
    """A copy of the repository's group data with the digest, and with these texts replaced."""
    copied = directory / "group_data"
    if not copied.exists():
        shutil.copytree(GROUP_DATA, copied)
        _replace(copied / "scalelite.py", ('digest = ""', f'digest = "{DIGEST}"'))
    _replace(copied / f"{file}.py", *changes)
    return copied


def _replace(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)


def fleet_with_scalelite(directory: Path) -> Fleet:
    people = write(directory, PEOPLE, "people.yml")
    return read(write(directory, sample(lb1=LB)), group_data(directory), people, NOW)
