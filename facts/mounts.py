"""Directories that things are mounted on, seen underneath the mount."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from pyinfra.api import FactBase


@dataclass(frozen=True)
class MountpointState:
    """The directory under a mount: chattr(1)'s immutable flag, and how many entries it holds."""

    immutable: bool
    entries: int


class Mountpoints(FactBase[dict[str, MountpointState]]):  # type: ignore[misc]
    """The bare directory at each path that exists, also while something is mounted there."""

    def command(self, paths: Sequence[str]) -> str:
        # A bind mount of the parent shows what the mount hides; the namespace keeps it from
        # everybody else and ends with the command.
        look = (
            'for path in "$@"; do parent="${path%/*}"; parent="${parent:-/}"; '
            '[ -d "$parent" ] && mount --bind "$parent" /mnt || continue; '
            'bare="/mnt/${path##*/}"; '
            'if [ -d "$bare" ]; then '
            'printf "%s|%s|%s\\n" "$(lsattr -d "$bare" | cut -d" " -f1)" '
            '"$(ls -A "$bare" | wc -l)" "$path"; fi; umount /mnt; done'
        )
        return f"unshare -m sh -c {quote(look)} look {' '.join(map(quote, paths))}; true"

    @staticmethod
    def default() -> dict[str, MountpointState]:
        return {}

    def process(self, output: list[str]) -> dict[str, MountpointState]:
        found = {}
        for line in output:
            flags, entries, path = line.split("|", 2)
            found[path] = MountpointState("i" in flags, int(entries))
        return found
