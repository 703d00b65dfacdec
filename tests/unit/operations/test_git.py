import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from facts.git import Checkouts, CheckoutState
from operations.git import WorkTree, checkouts
from tests.unit.git_samples import commit, git
from tests.unit.host_here import Done, ask, perform
from tests.unit.operation_harness import Run, Shell, run

A, B = "a" * 40, "b" * 40
URL = "https://example.org/site.git"


def apply(now: CheckoutState) -> Run:
    tree = WorkTree("/var/www/site", URL, A)
    return run(checkouts, [tree], facts={Checkouts: {tree.path: now}})


def test_the_pinned_commit_unchanged_is_one_question() -> None:
    done = apply(CheckoutState(A))
    assert (done.commands, done.said) == ([], [])
    assert done.noops == ["1 work trees are at their commits"]
    assert done.asked == [{"paths": ["/var/www/site"]}]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (CheckoutState(), [f"/var/www/site: absent -> aaaaaaaaaaaa of {URL}"]),
        (CheckoutState(B), [f"/var/www/site: bbbbbbbbbbbb -> aaaaaaaaaaaa of {URL}"]),
        (
            CheckoutState(owner="www-data"),
            [
                "/var/www/site: owner www-data -> root, with a new .git as others could write it",
            ],
        ),
        (
            CheckoutState(A, ("x.php", "y.php")),
            [
                "/var/www/site/x.php: local change -> as committed",
                "/var/www/site/y.php: local change -> as committed",
            ],
        ),
    ],
)
def test_each_difference_is_told(now: CheckoutState, told: list[str]) -> None:
    done = apply(now)
    assert done.said == told
    assert len(done.commands) == 1


def operation(*trees: WorkTree) -> Run:
    """What the operation does for these work trees as they are now on this machine."""
    now = ask(Checkouts, [it.path for it in trees])
    return run(checkouts, trees, facts={Checkouts: now})


class Site:
    """A repository with two commits, and a host's work tree of it."""

    def __init__(self, directory: Path) -> None:
        self.repository = directory / "repository"
        self.first = commit(self.repository, {"index.php": "1\n", "gone.php": "1\n"})
        self.second = commit(self.repository, {"index.php": "2\n", "new/page.php": "2\n"})
        self.tree = directory / "a tree"

    def wanted(self, commit: str) -> WorkTree:
        return WorkTree(str(self.tree), f"file://{self.repository}", commit)

    def operation(self, wanted: str) -> Run:
        return operation(self.wanted(wanted))

    @property
    def state(self) -> CheckoutState:
        state: CheckoutState = ask(Checkouts, [str(self.tree)])[str(self.tree)]
        return state

    def converge(self, wanted: str, shell: Shell | None = None) -> Done:
        (command,) = self.operation(wanted).commands
        return perform(command, shell)

    @property
    def files(self) -> dict[str, str]:
        found = (path for path in self.tree.rglob("*") if ".git" not in path.parts)
        return {
            str(path.relative_to(self.tree)): path.read_text() for path in found if path.is_file()
        }


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


SECOND = {"index.php": "2\n", "new/page.php": "2\n"}


def test_a_tree_is_made_moved_and_moved_back(site: Site) -> None:
    for wanted in (site.second, site.first, site.second):
        assert site.converge(wanted).returncode == 0
        assert site.operation(wanted).commands == []
    assert site.files == SECOND


def test_a_local_change_is_put_back_without_asking_the_repository(site: Site) -> None:
    site.converge(site.second)
    (site.tree / "index.php").write_text("hacked\n")
    (site.tree / "new/page.php").unlink()
    site.repository.rename(site.repository.with_name("away"))
    assert site.converge(site.second).returncode == 0
    assert site.files == SECOND


def test_untracked_files_and_links_stay(site: Site) -> None:
    site.converge(site.first)
    (site.tree / "files").symlink_to("/nowhere")
    (site.tree / "notes").write_text("mine")
    (site.tree / "index.php").write_text("hacked\n")
    assert site.converge(site.second).returncode == 0
    assert site.files == {**SECOND, "notes": "mine"}
    assert (site.tree / "files").is_symlink()


def test_a_checkout_that_was_cut_off_is_finished(site: Site) -> None:
    """Some files are written already, index and HEAD are not, and git's locks are left."""
    site.converge(site.first)
    (site.tree / "new").mkdir()
    (site.tree / "new/page.php").write_text("2\n")
    (site.tree / "gone.php").unlink()
    for lock in ("index.lock", "shallow.lock", "HEAD.lock"):
        (site.tree / ".git" / lock).touch()
    assert site.converge(site.second).returncode == 0
    assert site.files == SECOND
    assert git(site.tree, "status", "--porcelain") == ""


def test_a_server_that_serves_no_single_commits_is_asked_for_its_branch(
    site: Site, tmp_path: Path
) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("git", 'case "$*" in *--depth*) exit 1;; esac; PATH=${PATH#*:} exec git "$@"')
    assert site.converge(site.first, shell).returncode == 0
    assert site.state.commit == site.first


def test_a_commit_that_is_not_there_changes_nothing(site: Site) -> None:
    site.converge(site.first)
    done = site.converge(A)
    assert done.returncode != 0
    assert A in done.stderr
    assert site.state == CheckoutState(site.first)


def only_the_commit_arrived(tree: Path) -> None:
    keep = git(tree, "rev-parse", "HEAD")
    for path in (tree / ".git/objects").rglob("*"):
        if path.is_file() and path.parent.name + path.name != keep:
            path.unlink()
    (tree / ".git/index").unlink()


def the_pages_did_not_arrive(tree: Path) -> None:
    (tree / ".git/objects" / blob(tree)).unlink()
    (tree / "index.php").unlink()


def an_object_is_empty(tree: Path) -> None:
    path = tree / ".git/objects" / blob(tree)
    path.unlink()
    path.touch()
    (tree / "index.php").write_text("")


def an_empty(name: str) -> Callable[[Path], None]:
    def empty(tree: Path) -> None:
        (tree / ".git" / name).write_text("")

    return empty


def blob(tree: Path) -> str:
    name = git(tree, "rev-parse", "HEAD:index.php")
    return f"{name[:2]}/{name[2:]}"


@pytest.mark.parametrize("wanted", ["first", "second"])
@pytest.mark.parametrize(
    "damage",
    [
        only_the_commit_arrived,
        the_pages_did_not_arrive,
        an_object_is_empty,
        an_empty("HEAD"),
        an_empty("index"),
    ],
)
def test_a_repository_that_a_reset_left_damaged_is_replaced(
    site: Site, damage: Callable[[Path], None], wanted: str
) -> None:
    site.converge(site.first)
    damage(site.tree)
    commit = site.first if wanted == "first" else site.second
    assert site.converge(commit).returncode == 0
    assert site.operation(commit).commands == []
    assert site.files["index.php"] == ("1\n" if wanted == "first" else "2\n")
    assert git(site.tree, "fsck", commit) == ""


def test_one_that_fails_is_named_and_keeps_no_other_from_being_made(tmp_path: Path) -> None:
    sites = {}
    for name in ("first", "broken", "last"):
        (tmp_path / name).mkdir()
        sites[name] = Site(tmp_path / name)
    trees = [sites[name].wanted(sites[name].second) for name in ("first", "broken", "last")]
    trees[1] = replace(trees[1], commit=A)
    (command,) = operation(*trees).commands
    done = perform(command)
    assert done.returncode == 1
    named = [line for line in done.stderr.splitlines() if "could not be checked out" in line]
    assert named == [
        f"{trees[1].path}: {A} of {trees[1].repository} could not be checked out",
    ]
    assert sites["first"].files == sites["last"].files == SECOND
    assert not (sites["broken"].tree / "index.php").exists()


def test_of_several_only_those_that_differ_are_touched(tmp_path: Path) -> None:
    sites = [Site(tmp_path / name) for name in ("one", "two")]
    sites[0].converge(sites[0].second)
    wanted = [it.wanted(it.second) for it in sites]
    sites[0].repository.rename(sites[0].repository.with_name("away"))
    done = operation(*wanted)
    assert done.said == [
        f"{sites[1].tree}: absent -> {sites[1].second[:12]} of {wanted[1].repository}"
    ]
    assert perform(done.commands[0]).returncode == 0
    assert [it.files for it in sites] == [SECOND, SECOND]


def test_a_tree_of_somebody_else_s_becomes_root_s_with_a_git_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What .git/config says is nobody's word any more, and git no longer refuses the tree."""
    site = Site(tmp_path)
    tree = WorkTree(str(tmp_path / "tree"), str(site.repository), site.first)
    commit(Path(tree.path), {"index.php": "not the site's\n"})
    git(Path(tree.path), "config", "core.fsmonitor", f"touch {tmp_path}/run")
    shell = Shell(tmp_path)
    shell.stand_in("chown")
    now = {tree.path: CheckoutState(owner="www-data")}
    (command,) = run(checkouts, [tree], facts={Checkouts: now}).commands
    assert perform(command, shell).returncode == 0
    assert shell.calls == [f"chown -R -h {os.getuid()}:{os.getgid()} ."]
    assert ask(Checkouts, [tree.path])[tree.path] == CheckoutState(site.first)
    assert not (tmp_path / "run").exists()
