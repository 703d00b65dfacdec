"""Reads files where a lesser account than the program's may write."""

import os
import stat
from pathlib import Path
from typing import IO


def plain(file: Path) -> IO[bytes]:
    """Open a plain file of a place where another account may write. Raises OSError for all else.

    Follows no link at the end of the path, and does not wait, as for the writer of a FIFO: open(2).
    """
    found = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(f"{file} is no plain file")
    return os.fdopen(found, "rb")
