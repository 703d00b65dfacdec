"""Git work trees at a pinned commit."""

from shlex import quote

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import script, tell
from facts.git import Checkout


@operation()
def checkout(path: str, repository: str, commit: str) -> Commands:
    """The work tree at `path` is the pinned commit of that repository, with no local change.

    commit: 40 hexadecimal digits. An untracked file or link stays, unless the commit has a file of
    its own in that place. What was committed there locally is lost.
    """
    now = yield from ask(Checkout, path=path)
    if now.commit == commit and not now.changed:
        host.noop(f"{path} is at {commit[:12]}")
        return
    if now.commit != commit:
        tell(f"{path}: {(now.commit or 'absent')[:12]} -> {commit[:12]} of {repository}")
    for name in now.changed:
        tell(f"{path}/{name}: local change -> as committed")
    url = quote(repository)
    # Synced, as of a machine that is reset ext4 would keep the names of the pages alone.
    take = f"git checkout -q --force --detach {commit} && sync -f ."
    # Only the commit of which all is there can be taken from what is there. Otherwise a new .git is
    # made, to which the old one gives its list of files: git does not sync its objects, so a
    # machine that was reset may keep empty ones, and no fetch mends those.
    here = [f"rm -f .git/*.lock; if {take}; then exit 0; fi"] if now.commit == commit else []
    yield script(
        f"mkdir -p {quote(path)}; cd {quote(path)}",
        *here,
        "rm -rf .git.new; git init -q --bare .git.new",
        'new() { git --git-dir=.git.new --work-tree=. -c core.bare=false "$@"; }',
        f"new fetch -q --depth 1 {url} {commit} || new fetch -q {url}",
        f"new cat-file -e {commit}^{{commit}}",
        "new config core.bare false",
        "[ ! -e .git/index ] || cp .git/index .git.new/index",
        "new ls-files > /dev/null 2>&1 || rm -f .git.new/index",
        "rm -rf .git; mv .git.new .git",
        take,
    )
