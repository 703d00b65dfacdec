"""A tree that is deeper than Python may recurse, though its paths are as short as Linux allows."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEPTH = 1100


@contextmanager
def deep(tree: Path) -> Iterator[None]:
    """Such a tree, which is gone again at the end, because pytest could not remove it.

    Its path has some 2.2 kB; PATH_MAX is 4 kB.
    """
    path = str(tree)
    Path(path).mkdir()
    try:
        for _ in range(DEPTH):
            path += "/d"
            Path(path).mkdir()
        yield
    finally:
        subprocess.run(["rm", "-rf", str(tree)], check=True)
