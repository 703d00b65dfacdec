"""Git work trees at pinned commits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import join, quote

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import script, tell
from facts.git import Checkouts, CheckoutState
from operations.parties import roots_alone

# The present .git serves only if it is at the wanted commit, and whole. Otherwise check_out makes a
# new .git, which takes over the old one's list of files (index): git does not sync its objects, so
# a machine that was reset may keep empty objects, and no fetch mends those. `take` syncs what it
# has checked out: otherwise ext4 would keep only the names of the pages when the machine is reset.
FUNCTIONS = """\
new() { git --git-dir=.git.new --work-tree=. -c core.bare=false "$@"; }
take() { git checkout -q --force --detach "$1" && sync -f .; }
check_out() (
  set -e
  mkdir -p "$1"; cd "$1"; repository=$2; commit=$3
  if [ "$4" = theirs ]; then chown -R -h "$(id -u):$(id -g)" .; fi
  if [ "$4" = here ]; then
    rm -f .git/*.lock
    if take "$commit"; then exit 0; fi
  fi
  rm -rf .git.new; git init -q --bare .git.new
  new fetch -q --depth 1 "$repository" "$commit" || new fetch -q "$repository"
  new cat-file -e "$commit^{commit}"
  new config core.bare false
  [ ! -e .git/index ] || cp .git/index .git.new/index
  new ls-files > /dev/null 2>&1 || rm -f .git.new/index
  rm -rf .git; mv .git.new .git
  take "$commit"
)"""


@dataclass(frozen=True)
class WorkTree:
    """The work tree at `path` as it should be.

    commit: 40 hexadecimal digits, of that repository
    """

    path: str
    repository: str
    commit: str


@operation()
def checkouts(wanted: Sequence[WorkTree]) -> Commands:
    """Each work tree is root's, and the pinned commit of its repository, with no local change.

    An untracked file or link stays, unless the commit has a file of its own in that place. Local
    commits are lost. If a work tree fails, the others are still made. Then stderr names the work
    tree, and the host fails.

    Example::

        git.checkouts(
            name="Pages",
            wanted=[
                git.WorkTree(
                    path="/srv/board",
                    repository="https://git.example.org/board.git",
                    commit="0123456789abcdef0123456789abcdef01234567",
                )
            ],
        )
    """
    found = yield from ask(Checkouts, paths=[tree.path for tree in wanted])
    now = {tree.path: found.get(tree.path, CheckoutState()) for tree in wanted}
    wrong = [tree for tree in wanted if now[tree.path] != CheckoutState(tree.commit)]
    if not wrong:
        host.noop(f"{len(wanted)} work trees are at their commits")
        return
    for tree in wrong:
        _explain(tree, now[tree.path])
    # The calls stand in no condition, because there the function's `set -e` has no effect: sh(1).
    lines = [line for tree in wrong for line in _lines(tree, now[tree.path])]
    guard = roots_alone(tree.path for tree in wrong)
    yield script(*guard, FUNCTIONS, "set +e; failed=", *lines, '[ -z "$failed" ]')


def _explain(tree: WorkTree, now: CheckoutState) -> None:
    if now.owner:
        tell(f"{tree.path}: owner {now.owner} -> root, with a new .git as others could write it")
    if now.commit != tree.commit and not now.owner:
        before = (now.commit or "absent")[:12]
        tell(f"{tree.path}: {before} -> {tree.commit[:12]} of {tree.repository}")
    for name in now.changed:
        tell(f"{tree.path}/{name}: local change -> as committed")


def _lines(tree: WorkTree, now: CheckoutState) -> Iterator[str]:
    here = "theirs" if now.owner else "here" if now.commit == tree.commit else ""
    yield join(["check_out", tree.path, tree.repository, tree.commit, here])
    failure = f"{tree.path}: {tree.commit} of {tree.repository} could not be checked out"
    yield f"[ $? = 0 ] || {{ echo {quote(failure)} >&2; failed=yes; }}"
