"""Programs of root open nothing but plain files where a lesser account may write."""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from programs.drill import compare, site
from programs.offsite.hold import main as hold
from programs.offsite.status import files as status
from programs.shared.plain import plain

READERS = [compare, site, hold, status]

ODD: dict[str, Callable[[Path], Any]] = {
    "a FIFO": os.mkfifo,
    "a directory": Path.mkdir,
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}
"""What an account may put in the place of its file."""


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_only_a_plain_file_is_opened(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    make(tmp_path / "odd")
    with pytest.raises(OSError, match="odd"):
        plain(tmp_path / "odd")


def test_a_plain_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with plain(tmp_path / "file") as file:
        assert file.read() == b"content"


@pytest.mark.parametrize("reader", READERS)
def test_all_programs_open_files_in_the_same_way(reader: ModuleType) -> None:
    assert reader.__dict__["plain"] is plain
