"""Writes files that are there whole or not at all, also after a reset."""

import os
from pathlib import Path


def replace(file: Path, text: str) -> None:
    """Write the file whole or not at all, for everybody to read. Follows no link. Raises OSError.

    The role makes the directory.
    """
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with new.open("x") as out:
        os.fchmod(out.fileno(), 0o644)
        out.write(text)
        out.flush()
        # Without this, a reset may leave an empty file, which reads as if nothing had ever been.
        os.fsync(out.fileno())
    new.replace(file)


def put(new: Path, file: Path) -> None:
    """Put a new file in its place, whole or not at all, also if the machine is reset then.

    Without the fsync a reset may leave an empty file there. Raises OSError.
    """
    with new.open("rb") as content:
        os.fsync(content.fileno())
    new.replace(file)
