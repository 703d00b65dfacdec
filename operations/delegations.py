"""What users other than root may do with ZFS datasets. Source: zfs-allow(8) of OpenZFS 2.1."""

from collections.abc import Collection, Sequence
from shlex import join

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import script, tell
from facts.delegations import BELOW_TOO, Delegations


@operation()
def allowed(user: str, datasets: Sequence[str], permissions: Collection[str]) -> Commands:
    """The user has exactly these permissions on each of these datasets and on all below it.

    permissions: as zfs allow names them, e.g. ("send",)

    Never touches the permissions of other users, or those on other datasets.

    Example::

        delegations.allowed(
            name="Permissions", user="puller", datasets=["tank/boards"], permissions=["send"]
        )
    """
    wanted = frozenset((BELOW_TOO, permission) for permission in permissions)
    now = yield from ask(Delegations, datasets=list(datasets))
    lines = []
    for dataset in datasets:
        found = now.get(dataset, {}).get(user, frozenset())
        if found == wanted:
            continue
        tell(f"{dataset}: {user} may {_named(found)} -> {_named(wanted)}")
        if found:
            lines.append(join(["zfs", "unallow", "-u", user, dataset]))
        lines.append(join(["zfs", "allow", "-u", user, ",".join(sorted(permissions)), dataset]))
    if lines:
        yield script(*lines)
    else:
        host.noop(f"{user} may do what it should")


def _named(permissions: Collection[tuple[str, str]]) -> str:
    each = (name if scope == BELOW_TOO else f"{name} ({scope})" for scope, name in permissions)
    return ", ".join(sorted(each)) or "nothing"
