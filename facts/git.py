"""Git work trees."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from engine.fact import Fact, sections, whole


@dataclass(frozen=True)
class CheckoutState:
    """One work tree.

    commit: HEAD, None if there is no work tree, or one that is not ours alone
    changed: the tracked files that differ
    owner: whose the work tree is, or something in it, if that is not the account that asks, root
    """

    commit: str | None = None
    changed: tuple[str, ...] = ()
    owner: str | None = None


# git runs what .git/config names, so the fact asks nothing of a repository that others can write.
# git itself takes one of the account that called sudo for its own. --no-optional-locks, because
# `git status` would write the index, and a fact changes nothing.
_LOOK = """\
look() {{ git --no-optional-locks -C "$path" "$@"; }}
for path in {paths}; do
  owner=$([ ! -d "$path" ] || find "$path" ! -user "$(id -u)" -printf '%u\\n' -quit)
  printf '##%s\\t%s\\n' "$path" "$owner"
  [ -z "$owner" ] && [ -d "$path/.git" ] && commit=$(look rev-parse --verify -q HEAD) &&
    look ls-tree -r HEAD > /dev/null && changed=$(look status --porcelain -uno) &&
    printf '%s\\n%s\\n' "$commit" "$changed"
done"""


class Checkouts(Fact[dict[str, CheckoutState]]):
    """{path: CheckoutState}: the commit of each work tree, and its locally changed files.

    Untracked files do not count. If git cannot read a repository's commit, that commit's list of
    files or the index, the path counts as one without a work tree.
    """

    def command(self, paths: Sequence[str]) -> str:
        return whole(_LOOK.format(paths=" ".join(map(quote, paths))))

    @staticmethod
    def default() -> dict[str, CheckoutState]:
        return {}

    def parse(self, output: list[str]) -> dict[str, CheckoutState]:
        return {tree.title: _state(tree.fields[1:], tree.lines) for tree in sections(output)}


def _state(owner: Sequence[str], lines: Sequence[str]) -> CheckoutState:
    if not lines:
        return CheckoutState(owner="".join(owner) or None)
    return CheckoutState(lines[0], tuple(line[3:] for line in lines[1:] if line))
