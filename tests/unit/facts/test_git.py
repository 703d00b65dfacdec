import os
from pathlib import Path

import pytest

from facts.git import Checkouts, CheckoutState
from tests.unit.git_samples import commit, git
from tests.unit.host_here import ask
from tests.unit.operation_harness import Shell


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree in a path that a shell could trip over."""
    tree = tmp_path / "it's a site"
    commit(tree, {"index.php": "1\n", "pages/a b.php": "2\n"})
    return tree


def look(tree: Path, shell: Shell | None = None) -> CheckoutState:
    """What the fact finds of one work tree."""
    found = ask(Checkouts, [str(tree)], shell=shell)
    assert list(found) == [str(tree)]
    state: CheckoutState = found[str(tree)]
    return state


def test_a_clean_tree_is_at_its_commit(tree: Path) -> None:
    assert look(tree) == CheckoutState(git(tree, "rev-parse", "HEAD"))


def test_no_tree_is_no_commit(tmp_path: Path) -> None:
    assert look(tmp_path / "none") == CheckoutState()
    assert look(tmp_path) == CheckoutState()


def test_a_directory_inside_another_work_tree_is_not_that_tree(tree: Path) -> None:
    assert look(tree / "pages") == CheckoutState()


def test_a_first_checkout_that_was_cut_off_has_no_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert look(tmp_path) == CheckoutState()


def test_local_changes_are_named(tree: Path) -> None:
    (tree / "index.php").write_text("changed\n")
    (tree / "pages/a b.php").unlink()
    assert look(tree).changed == ("index.php", '"pages/a b.php"')


def test_untracked_files_and_links_are_no_change(tree: Path) -> None:
    (tree / "upload.txt").write_text("x")
    (tree / "files").symlink_to("/media/storage")
    assert look(tree).changed == ()


def test_it_writes_nothing(tree: Path) -> None:
    (tree / "index.php").write_text("changed\n")
    before = sorted((path, path.stat().st_ino) for path in tree.rglob("*"))
    look(tree)
    assert sorted((path, path.stat().st_ino) for path in tree.rglob("*")) == before


def test_without_git_there_is_no_commit(tree: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("git", "exit 127")
    assert look(tree, shell) == CheckoutState()


def test_a_tree_that_others_can_write_is_theirs_and_git_is_not_run_there(
    tree: Path, tmp_path: Path
) -> None:
    """Its .git/config could name a program. git takes a tree of the one who called sudo for own."""
    shell = Shell(tmp_path)
    shell.stand_in("find", "echo www-data")
    shell.stand_in("git", "exit 1")
    assert look(tree, shell) == CheckoutState(owner="www-data")
    assert not [call for call in shell.calls if call.startswith("git")]
    assert shell.calls[0].startswith(f"find {tree} ! -user {os.getuid()} ")


def test_each_of_several_is_its_own(tree: Path, tmp_path: Path) -> None:
    (tree / "index.php").write_text("changed\n")
    other, none = tmp_path / "other", tmp_path / "none"
    commit(other, {"index.php": "1\n"})
    commits = [git(it, "rev-parse", "HEAD") for it in (tree, other)]
    assert ask(Checkouts, [str(it) for it in (none, tree, tmp_path, other)]) == {
        str(none): CheckoutState(),
        str(tree): CheckoutState(commits[0], ("index.php",)),
        str(tmp_path): CheckoutState(),
        str(other): CheckoutState(commits[1]),
    }


def test_a_host_without_any_site_is_asked_for_none() -> None:
    assert ask(Checkouts, []) == {}
