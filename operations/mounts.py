"""Mountpoints that take no file while nothing is mounted on them."""

from collections.abc import Mapping
from shlex import quote

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import fail, script, tell
from facts.mounts import Mountpoints, MountpointState
from operations.parties import roots_alone

ABSENT = MountpointState(immutable=False, entries=0)

# A bind mount of the parent, as in the fact: something may be mounted on the path already.
_SEAL = """\
set -e
for path in "$@"; do
  parent=${path%/*}
  mkdir -p "${parent:=/}"
  mount --bind "$parent" /mnt
  mkdir -p "/mnt/${path##*/}"
  chattr +i "/mnt/${path##*/}"
  umount /mnt
done"""


@operation()
def sealed(filesystems: Mapping[str, str]) -> Commands:
    """Each of these directories exists, is empty underneath, and is immutable.

    filesystems: {path: the type of what belongs there, in the kernel's words}. Another type that is
        mounted there, on top or underneath, fails the host

    chattr +i makes every write to the bare directory fail, also root's. A mount on the directory
    works as ever. Never removes a file: a directory that has files already fails the host. So does
    a directory on which /etc/fstab mounts something, a link, and a path through a link.
    """
    paths = list(filesystems)
    now = yield from ask(Mountpoints, paths=paths)
    for path in paths:
        state = now.get(path, ABSENT)
        if state.leads_to or state.is_file:
            what = f"leads to {state.leads_to}" if state.leads_to else "is no directory"
            yield fail(
                f"{path} {what}, and systemd mounts on directories alone, by paths without links. "
                "Move what is there to where it belongs, take the link or the file away, run again"
            )
            return
        if state.in_fstab:
            yield fail(
                f"{path}: /etc/fstab mounts something there already. Move what is in it to where "
                "it belongs, take the line out, unmount it (its automount too), run again"
            )
            return
        if others := [kind for kind in state.mounted if kind != filesystems[path]]:
            yield fail(
                f"{path}: {', '.join(others)} is mounted there, where only {filesystems[path]} "
                f"belongs. See what mounts it (systemctl status {path}), disable that, unmount it, "
                "run again"
            )
            return
        if state.entries:
            yield fail(
                f"{path}: {state.entries} entries lie under the mountpoint, where no backup "
                f"sees them. Unmount it, chattr -i {path}, move them away, run again"
            )
            return
    bare = [path for path in paths if not now.get(path, ABSENT).immutable]
    if not bare:
        host.noop("all mountpoints are sealed")
        return
    for path in bare:
        tell(f"{path}: {'writable' if path in now else 'absent'} -> sealed (chattr +i) mountpoint")
    seal = f"unshare -m sh -s {' '.join(map(quote, bare))} <<'END-OF-SEAL'"
    yield script(*roots_alone(bare), seal, _SEAL, "END-OF-SEAL")
