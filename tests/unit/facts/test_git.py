from pathlib import Path

import pytest

from facts.git import Checkout, CheckoutState
from tests.unit.git_samples import commit, git
from tests.unit.host_here import ask
from tests.unit.operation_harness import Shell


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree in a path that a shell could trip over."""
    tree = tmp_path / "it's a site"
    commit(tree, {"index.php": "1\n", "pages/a b.php": "2\n"})
    return tree


def test_a_clean_tree_is_at_its_commit(tree: Path) -> None:
    assert ask(Checkout, str(tree)) == CheckoutState(git(tree, "rev-parse", "HEAD"))


def test_no_tree_is_no_commit(tmp_path: Path) -> None:
    assert ask(Checkout, str(tmp_path / "none")) == CheckoutState() == Checkout.default()
    assert ask(Checkout, str(tmp_path)) == CheckoutState()


def test_a_directory_inside_another_work_tree_is_not_that_tree(tree: Path) -> None:
    assert ask(Checkout, str(tree / "pages")) == CheckoutState()


def test_a_first_checkout_that_was_cut_off_has_no_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert ask(Checkout, str(tmp_path)) == CheckoutState()


def test_local_changes_are_named(tree: Path) -> None:
    (tree / "index.php").write_text("changed\n")
    (tree / "pages/a b.php").unlink()
    assert ask(Checkout, str(tree)).changed == ("index.php", '"pages/a b.php"')


def test_untracked_files_and_links_are_no_change(tree: Path) -> None:
    (tree / "upload.txt").write_text("x")
    (tree / "files").symlink_to("/media/storage")
    assert ask(Checkout, str(tree)).changed == ()


def test_it_writes_nothing(tree: Path) -> None:
    (tree / "index.php").write_text("changed\n")
    before = sorted((path, path.stat().st_ino) for path in tree.rglob("*"))
    ask(Checkout, str(tree))
    assert sorted((path, path.stat().st_ino) for path in tree.rglob("*")) == before


def test_without_git_there_is_no_commit(tree: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("git", "exit 127")
    assert ask(Checkout, str(tree), shell=shell) == CheckoutState()
