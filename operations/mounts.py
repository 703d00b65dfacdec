"""Mountpoints that take no file while nothing is mounted on them."""

from collections.abc import Generator, Sequence
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from facts.mounts import Mountpoints
from operations.report import fail, operation, tell


@operation()
def sealed(paths: Sequence[str]) -> Generator[StringCommand, None, None]:
    """Each of these directories exists, is empty underneath, and is immutable.

    chattr +i makes every write to the bare directory fail, root's too, while a mount on it works
    as ever. Never removes a file: a directory that already took some fails the host, as does one
    that /etc/fstab mounts something on.
    """
    now = host.get_fact(Mountpoints, paths=list(paths))
    for path in paths:
        if path in now and now[path].in_fstab:
            yield fail(
                f"{path}: /etc/fstab mounts something there already. Move what is in it to where "
                "it belongs, take the line out, unmount it (its automount too), run again"
            )
            return
        if path in now and now[path].entries:
            yield fail(
                f"{path}: {now[path].entries} entries lie under the mountpoint, where no backup "
                f"sees them. Unmount it, chattr -i {path}, move them away, run again"
            )
            return
    bare = [path for path in paths if path not in now or not now[path].immutable]
    if not bare:
        host.noop("all mountpoints are sealed")
        return
    for path in bare:
        tell(f"{path}: {'writable' if path in now else 'absent'} -> sealed (chattr +i) mountpoint")
    # Underneath, as in the fact: something may be mounted there already.
    seal = (
        'set -e; umask 022; for path in "$@"; do parent="${path%/*}"; parent="${parent:-/}"; '
        'mkdir -p "$parent"; mount --bind "$parent" /mnt; '
        'mkdir -p "/mnt/${path##*/}"; chattr +i "/mnt/${path##*/}"; umount /mnt; done'
    )
    yield StringCommand(f"unshare -m sh -c {quote(seal)} seal {' '.join(map(quote, bare))}")
