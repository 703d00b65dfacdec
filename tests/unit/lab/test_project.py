"""A copy of the project has all files that git knows or would take."""

import os
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from tests.project import copy_project
from tests.unit.git_samples import commit, git

FILES = {"Makefile": "all:\n", "roles/base.py": "1\n", "docs/page.md": "text\n"}
IGNORED = {".gitignore": ".env\n__pycache__/\n"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    commit(tmp_path / "tree", {**FILES, **IGNORED})
    return tmp_path / "tree"


def copied(tree: Path) -> dict[str, str]:
    """The files of a copy: names and contents."""
    copy = tree.parent / "copy"
    copy_project(copy, tree)
    return {
        str(file.relative_to(copy)): file.read_text()
        for file in copy.rglob("*")
        if not file.is_dir()
    }


def test_a_clean_clone_is_copied_whole(tree: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(tree), "clone")
    assert copied(tmp_path / "clone") == {**FILES, **IGNORED}


def test_the_files_are_those_of_the_working_tree(tree: Path) -> None:
    (tree / "Makefile").write_text("changed:\n")
    (tree / "docs/page.md").unlink()
    (tree / "roles/dns").mkdir()
    (tree / "roles/dns/zone ü\n.j2").write_text("new\n")
    git(tree, "rm", "-q", "--cached", "roles/base.py")
    expected = {**FILES, **IGNORED, "Makefile": "changed:\n", "roles/dns/zone ü\n.j2": "new\n"}
    del expected["docs/page.md"]
    assert copied(tree) == expected


def test_what_git_ignores_stays_where_it_is(tree: Path) -> None:
    (tree / ".env").write_text("PASSWORD=secret\n")
    (tree / "roles/__pycache__").mkdir()
    (tree / "roles/__pycache__/base.pyc").touch()
    assert copied(tree) == {**FILES, **IGNORED}


def test_mode_and_time_are_kept(tree: Path) -> None:
    (tree / "Makefile").chmod(0o755)
    os.utime(tree / "Makefile", (1_000_000_000, 1_000_000_000))
    copied(tree)
    found = (tree.parent / "copy/Makefile").stat()
    assert (found.st_mode & 0o777, found.st_mtime) == (0o755, 1_000_000_000)


def test_a_link_stays_a_link(tree: Path) -> None:
    (tree / "link").symlink_to("roles")
    (tree / "dangling").symlink_to("nowhere")
    copy_project(tree.parent / "copy", tree)
    assert (tree.parent / "copy/link").readlink() == Path("roles")
    assert (tree.parent / "copy/dangling").readlink() == Path("nowhere")


def test_nothing_is_written_through_a_link_that_a_directory_has_become(tree: Path) -> None:
    (tree / "docs").rename(tree.parent / "elsewhere")
    (tree / "docs").symlink_to(tree.parent / "elsewhere")
    (tree / "roles/base.py").unlink()
    (tree / "roles/base.py").mkdir()
    copy_project(tree.parent / "copy", tree)
    assert (tree.parent / "copy/docs").is_symlink()
    assert not (tree.parent / "copy/roles/base.py").exists()


def test_root_copies_the_clone_of_somebody_else(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert copied(tree) == {**FILES, **IGNORED}


def test_a_directory_without_git_is_an_error_and_no_empty_copy(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(CalledProcessError):
        copy_project(tmp_path / "copy", tmp_path / "tree")
