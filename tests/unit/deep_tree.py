"""Trees that are deeper than Python may recurse, and than a path may be long."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEPTH = 1100
"""More levels than Python calls itself. Paths of one letter a level have some 2.2 kB."""

TOO_DEEP = 2500
"""Levels below which no path of one letter a level is one that Linux takes: that is 4 kB."""


@contextmanager
def deep(tree: Path, depth: int = DEPTH) -> Iterator[int]:
    """Such a tree; gives a descriptor of the lowest directory.

    The tree is gone again at the end, because pytest could not remove it.
    """
    tree.mkdir()
    at = os.open(tree, os.O_RDONLY)
    try:
        for _ in range(depth):
            os.mkdir("d", dir_fd=at)
            below = os.open("d", os.O_RDONLY, dir_fd=at)
            os.dup2(below, at)
            os.close(below)
        yield at
    finally:
        os.close(at)
        subprocess.run(["rm", "-rf", str(tree)], check=True)


def put(at: int, name: str | bytes, content: bytes) -> None:
    """Write a file of that name into the directory of the descriptor."""
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=at)
    with os.fdopen(file, "wb") as out:
        out.write(content)
