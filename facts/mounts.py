"""Directories that things are mounted on, seen underneath the mount."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from facts import Fact, whole


@dataclass(frozen=True)
class MountpointState:
    """The directory under a mount: chattr(1)'s immutable flag, and how many entries it holds.

    in_fstab: /etc/fstab mounts something there
    """

    immutable: bool
    entries: int
    in_fstab: bool = False


# A bind mount of the parent shows what the mount hides; the namespace keeps it from everybody else
# and ends with the command.
_LOOK = """\
for path in "$@"; do
  if awk -v path="$path" '$1 !~ /^#/ && ($2 == path || $2 == path "/") { found = 1 }
                          END { exit !found }' /etc/fstab; then
    printf 'fstab|0|%s\\n' "$path"
  fi
  parent="${path%/*}"
  parent="${parent:-/}"
  [ -d "$parent" ] && mount --bind "$parent" /mnt || continue
  bare="/mnt/${path##*/}"
  if [ -d "$bare" ]; then
    flags=$(lsattr -d "$bare" | cut -d' ' -f1)
    printf '%s|%s|%s\\n' "$flags" "$(ls -A "$bare" | wc -l)" "$path"
  fi
  umount /mnt
done"""


class Mountpoints(Fact[dict[str, MountpointState]]):
    """The bare directory at each path that exists, also while something is mounted there.

    A path that does not exist is there as well if /etc/fstab names it.
    """

    def command(self, paths: Sequence[str]) -> str:
        return whole(f"unshare -m sh -c {quote(_LOOK)} look {' '.join(map(quote, paths))}")

    @staticmethod
    def default() -> dict[str, MountpointState]:
        return {}

    def parse(self, output: list[str]) -> dict[str, MountpointState]:
        found: dict[str, MountpointState] = {}
        for line in output:
            flags, entries, path = line.split("|", 2)
            # The line about fstab comes before the one about the directory.
            in_fstab = flags == "fstab" or path in found
            found[path] = MountpointState(flags != "fstab" and "i" in flags, int(entries), in_fstab)
        return found
