"""The lab as its user finds it when the tests have ended."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.machines import STATE, running
from tests.lab.fleets import HOST_KEYS, Machines, escrow_directory


def put_back() -> None:
    """Puts each fleet whose machines are all up into working order, the larger ones first.

    A fleet that goes back leaves the operator only what belongs to that fleet. So this collects
    what belongs to each fleet, and in the end the operator has all of it.
    """
    left = {each.name for each in running()}
    keys: dict[Path, dict[str, str]] = {each.file: {} for each in HOST_KEYS}
    with TemporaryDirectory(dir=STATE) as escrow:
        for kind in sorted(_below(Machines), key=lambda kind: -len(kind.names)):
            if left.issuperset(kind.names):
                left.difference_update(kind.names)
                kind().restore_newest()
                shutil.copytree(escrow_directory(), escrow, dirs_exist_ok=True)
                for each in HOST_KEYS:
                    keys[each.file].update(each.load())
        shutil.copytree(escrow, escrow_directory(), dirs_exist_ok=True)
    for each in HOST_KEYS:
        for name, key in keys[each.file].items():
            each.store(name, key)


def _below(kind: type[Machines]) -> Iterator[type[Machines]]:
    """The classes derived from this one, each before those that are derived from it."""
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
