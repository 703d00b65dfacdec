"""A copy of the project for a test to change."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from fleet import ROOT


def copy_project(target: Path, source: Path = ROOT) -> None:
    """Copies the project's files into the directory: all that git knows or would take.

    Each file is as the working tree has it, changed or new. It keeps its mode and its time, so
    that make makes nothing anew. Links stay links.

    Raises CalledProcessError if the source is not a git working tree.
    """
    for name in _files(source):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, copy, follow_symlinks=False)


def _files(tree: Path) -> Iterator[Path]:
    # The lab tests run as root, and git refuses another user's clone unless told that it is safe.
    command = ["git", "-c", f"safe.directory={tree.resolve()}", "ls-files", "-z"]
    kinds = ["--cached", "--others", "--exclude-standard", "--deduplicate"]
    done = subprocess.run([*command, *kinds], cwd=tree, stdout=subprocess.PIPE, check=True)
    for name in map(Path, done.stdout.decode().split("\0")[:-1]):
        file = tree / name
        # git still lists a file that was deleted, or whose place a link or a directory has taken.
        if not any((tree / above).is_symlink() for above in name.parents) and (
            file.is_symlink() or file.is_file()
        ):
            yield name
