"""A git work tree."""

from dataclasses import dataclass
from shlex import quote

from engine.fact import Fact, whole


@dataclass(frozen=True)
class CheckoutState:
    """commit: HEAD, None where there is no work tree; changed: tracked files that differ."""

    commit: str | None = None
    changed: tuple[str, ...] = ()


class Checkout(Fact[CheckoutState]):
    """The commit of a work tree and its locally changed files. Untracked files do not count.

    A repository of which git cannot read the commit, its files' list or its index counts as none.
    """

    def command(self, path: str) -> str:
        # Without optional locks: a look must not write the index.
        git = f"git --no-optional-locks -C {quote(path)}"
        return whole(
            f"[ -d {quote(path + '/.git')} ] || exit 0; "
            f"commit=$({git} rev-parse --verify -q HEAD) && {git} ls-tree -r HEAD >/dev/null && "
            f"changed=$({git} status --porcelain -uno) && "
            'printf "%s\\n%s\\n" "$commit" "$changed"'
        )

    @staticmethod
    def default() -> CheckoutState:
        return CheckoutState()

    def parse(self, output: list[str]) -> CheckoutState:
        return CheckoutState(output[0], tuple(line[3:] for line in output[1:] if line))
