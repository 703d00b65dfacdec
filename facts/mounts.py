"""Mountpoints: the directory underneath, and what is mounted on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from engine.fact import Fact, whole


@dataclass(frozen=True)
class MountpointState:
    """The directory under a mount.

    immutable: whether the directory has the immutable flag of chattr(1)
    entries: how many entries it holds
    in_fstab: whether /etc/fstab mounts something there
    mounted: the filesystem types of what is mounted there now, the lowest first
    leads_to: where the path leads if the path, or one above it, is a link; "" if none is
    is_file: whether something else than a directory stands there
    """

    immutable: bool
    entries: int
    in_fstab: bool = False
    mounted: tuple[str, ...] = ()
    leads_to: str = ""
    is_file: bool = False


# A bind mount of the parent shows what the mount hides. Nobody else sees the bind mount: it is in a
# namespace that ends with the command.
_LOOK = """\
leads_to() { printf 'link|%s|%s\\n' "$(printf %s "$1" | tr '|\\n' '??')" "$path"; }
for path in "$@"; do
  if awk -v path="$path" '$1 !~ /^#/ && ($2 == path || $2 == path "/") { found = 1 }
                          END { exit !found }' /etc/fstab; then
    printf 'fstab|0|%s\\n' "$path"
  fi
  # proc(5): the type is the first field after the dash.
  awk -v path="$path" '$5 == path { sub(/.* - /, ""); print "mounted|" $1 "|" path }' \\
    /proc/self/mountinfo
  parent="${path%/*}"
  parent="${parent:-/}"
  real=$(readlink -m -- "$parent")
  if [ "$real" != "$parent" ]; then
    leads_to "${real%/}/${path##*/}"
    continue
  fi
  [ -d "$parent" ] && mount --bind "$parent" /mnt || continue
  bare="/mnt/${path##*/}"
  if [ -h "$bare" ]; then
    leads_to "$(readlink -- "$bare")"
  elif [ -e "$bare" ] && [ ! -d "$bare" ]; then
    printf 'file|0|%s\\n' "$path"
  elif [ -d "$bare" ]; then
    flags=$(lsattr -d "$bare" | cut -d' ' -f1)
    printf '%s|%s|%s\\n' "$flags" "$(ls -A "$bare" | wc -l)" "$path"
  fi
  umount /mnt
done"""


class Mountpoints(Fact[dict[str, MountpointState]]):
    """{path: MountpointState} of each path that exists, also while something is mounted there.

    A path that does not exist is in the answer too if /etc/fstab names it.
    """

    def command(self, paths: Sequence[str]) -> str:
        return whole(f"unshare -m sh -c {quote(_LOOK)} look {' '.join(map(quote, paths))}")

    @staticmethod
    def default() -> dict[str, MountpointState]:
        return {}

    def parse(self, output: list[str]) -> dict[str, MountpointState]:
        lines = [line.split("|", 2) for line in output]
        return {path: _state(lines, path) for path in dict.fromkeys(line[2] for line in lines)}


def _state(lines: Sequence[Sequence[str]], path: str) -> MountpointState:
    rows = [(what, value) for what, value, of in lines if of == path]
    directory = [row for row in rows if row[0] not in ("fstab", "mounted", "link", "file")]
    return MountpointState(
        immutable=any("i" in flags for flags, _ in directory),
        entries=sum(int(entries) for _, entries in directory),
        in_fstab=any(what == "fstab" for what, _ in rows),
        mounted=tuple(value for what, value in rows if what == "mounted"),
        leads_to="".join(value for what, value in rows if what == "link"),
        is_file=any(what == "file" for what, _ in rows),
    )
