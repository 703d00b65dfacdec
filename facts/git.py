"""Git work trees."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from engine.fact import Fact, sections, whole


@dataclass(frozen=True)
class CheckoutState:
    """commit: HEAD, None if there is no work tree; changed: the tracked files that differ."""

    commit: str | None = None
    changed: tuple[str, ...] = ()


# --no-optional-locks, because `git status` would write the index, and a fact changes nothing.
_LOOK = """\
look() {{ git --no-optional-locks -C "$path" "$@"; }}
for path in {paths}; do
  printf '##%s\\n' "$path"
  [ -d "$path/.git" ] && commit=$(look rev-parse --verify -q HEAD) &&
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
        return {tree.title: _state(tree.lines) for tree in sections(output)}


def _state(lines: Sequence[str]) -> CheckoutState:
    if not lines:
        return CheckoutState()
    return CheckoutState(lines[0], tuple(line[3:] for line in lines[1:] if line))
