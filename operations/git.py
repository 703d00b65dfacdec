"""Git work trees at a pinned commit."""

from collections.abc import Generator
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from facts.git import Checkout
from operations.report import tell


@operation()
def checkout(path: str, repository: str, commit: str) -> Generator[StringCommand, None, None]:
    """The work tree at `path` is the pinned commit of that repository, with no local change.

    commit: 40 hexadecimal digits. An untracked file or link stays, unless the commit has a file of
    its own in that place.
    """
    now = host.get_fact(Checkout, path=path)
    if now.commit == commit and not now.changed:
        host.noop(f"{path} is at {commit[:12]}")
        return
    if now.commit != commit:
        tell(f"{path}: {(now.commit or 'absent')[:12]} -> {commit[:12]} of {repository}")
    for name in now.changed:
        tell(f"{path}/{name}: local change -> as committed")
    git = f"git -C {quote(path)}"
    # A fetch that was cut off leaves its lock; nobody else works in this tree.
    yield StringCommand(
        f"set -e; mkdir -p {quote(path)}; {git} init -q; rm -f {quote(path)}/.git/*.lock; "
        f"{git} cat-file -e {commit}^{{commit}} 2>/dev/null || "
        f"{git} fetch -q --depth 1 {quote(repository)} {commit} || "
        f"{git} fetch -q {quote(repository)}; "
        f"{git} checkout -q --force --detach {commit}"
    )
