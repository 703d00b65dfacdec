"""Programs look through trees that others make: of any depth, and changing meanwhile."""

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from programs.drill import decrypt
from programs.offsite.manifest import lines
from programs.shared.tree import PATH_MAX, _begin_of_paths, everything
from tests.unit.deep_tree import TOO_DEEP, deep, put


@pytest.mark.parametrize("program", [decrypt, lines])
def test_all_programs_look_through_trees_in_the_same_way(program: ModuleType) -> None:
    assert program.__dict__["everything"] is everything


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """Lets this process open eight files more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(it.name) for it in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 9, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_descriptors")
def test_no_depth_is_too_much(tmp_path: Path) -> None:
    """Nor does the way back lead past what is left above."""
    with deep(tmp_path / "tree", TOO_DEEP) as lowest:
        put(lowest, b"\xff", b"")
        (tmp_path / "tree/e").mkdir()
        (tmp_path / "tree/e/file").touch()
        open_before = descriptors()
        found = [(path, name) for path, _, name, _ in everything(tmp_path / "tree")]
        assert descriptors() == open_before
    names = [name for _, name in found]
    assert names == [".", "d", "e", *["d"] * (TOO_DEEP - 1), "\udcff", "file"]
    assert found[-1][0] == "e/file"
    paths = [path for path, _ in found]
    assert len(set(paths)) == len(paths)
    assert max(len(os.fsencode(path)) for path in paths) <= PATH_MAX + 256


def test_a_path_is_written_in_full_as_long_as_linux_takes_the_directory_s() -> None:
    longest = "\udcff" * 4095
    assert _begin_of_paths(longest) == f"{longest}/"
    begin = _begin_of_paths(f"{longest}d")
    assert len(begin) == len("//") + 64 + len("/") and begin.startswith("//")
    assert _begin_of_paths(f"{begin}d") not in (begin, f"{begin}d/")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree/a/b/c").mkdir(parents=True)
    (tmp_path / "tree/a/z").mkdir()
    (tmp_path / "elsewhere/secret").mkdir(parents=True)
    return tmp_path / "tree"


def leads_elsewhere(directory: Path) -> None:
    directory.rename(directory.parent.parent / "old")
    directory.symlink_to(directory.parents[2] / "elsewhere")


def is_gone(directory: Path) -> None:
    (directory / "c").rmdir()
    directory.rmdir()


def is_a_file(directory: Path) -> None:
    is_gone(directory)
    directory.touch()


@pytest.mark.parametrize("change", [leads_elsewhere, is_gone, is_a_file])
def test_a_directory_that_is_another_meanwhile_is_told_by_its_path_and_not_followed(
    tree: Path, change: Callable[[Path], None]
) -> None:
    open_before, seen = descriptors(), []
    with pytest.raises(OSError, match="'a/b'"):
        for path, *_ in everything(tree):
            seen.append(path)
            if path == "a/z":
                change(tree / "a/b")
    assert seen == [".", "a", "a/b", "a/z"] and descriptors() == open_before


def test_a_directory_that_is_moved_while_it_is_looked_through_leads_nowhere_else(
    tree: Path,
) -> None:
    seen = []
    with pytest.raises(OSError, match="moved meanwhile"):
        for path, *_ in everything(tree):
            seen.append(path)
            if path == "a/b/c":
                (tree / "a/b").rename(tree.parent / "elsewhere/b")
    assert seen[-1] == "a/b/c"


def test_whoever_stops_looking_leaves_no_descriptor(tree: Path) -> None:
    open_before = descriptors()
    found = everything(tree)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert descriptors() == open_before
