"""Programs of root open nothing but plain files where a lesser account may write."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from programs import drill
from programs.offsite import hold, status

PROGRAMS = [drill, hold, status]

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
        hold.plain(tmp_path / "odd")


def test_a_plain_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with hold.plain(tmp_path / "file") as file:
        assert file.read() == b"content"


@pytest.mark.parametrize("program", PROGRAMS)
def test_all_programs_open_files_in_the_same_way(program: ModuleType) -> None:
    """Each program is a file by itself, and has its own copy of the function."""
    assert inspect.getsource(program.__dict__["plain"]) == inspect.getsource(hold.plain)
