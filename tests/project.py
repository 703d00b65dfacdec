"""A copy of the project for a test to change."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from fleet import ROOT


def copy_project(target: Path, source: Path = ROOT) -> None:
    """Copies what the project consists of into the directory: what git knows or would take.

    That is each file as the working tree has it, changed or new, with its mode and its time, by
    which make knows that nothing is to be made anew. Links stay links.

    Raises CalledProcessError if the source is no working tree of git's.
    """
    for name in _files(source):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, copy, follow_symlinks=False)


def _files(tree: Path) -> Iterator[Path]:
    # The lab's tests run as root, and whoever cloned the project may be somebody else.
    command = ["git", "-c", f"safe.directory={tree.resolve()}", "ls-files", "-z"]
    kinds = ["--cached", "--others", "--exclude-standard", "--deduplicate"]
    done = subprocess.run([*command, *kinds], cwd=tree, stdout=subprocess.PIPE, check=True)
    for name in map(Path, done.stdout.decode().split("\0")[:-1]):
        file = tree / name
        # git still lists what is deleted in the tree, or has become a link or a directory there.
        if not any((tree / above).is_symlink() for above in name.parents) and (
            file.is_symlink() or file.is_file()
        ):
            yield name
