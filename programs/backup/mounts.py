"""What is mounted where, by the kernel's own table: proc(5)."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from programs.shared.escapes import unescaped

TABLE = Path("/proc/self/mountinfo")

# Types without files that would outlive a boot, or whose files are those of another file system.
PASSING = {
    "autofs", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "cpuset",
    "debugfs", "devpts", "devtmpfs", "efivarfs", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal",
    "fusectl", "hugetlbfs", "mqueue", "nfsd", "nsfs", "overlay", "proc", "pstore", "ramfs",
    "resctrl", "rootfs", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tmpfs", "tracefs",
}  # fmt: skip


@dataclass(frozen=True)
class Mount:
    """A file system, or a part of one, at a path.

    at: the path
    root: what of the file system is there: "/" for all
    device: "major:minor"
    kind: the type
    source: a device or a dataset, as whoever mounted it wrote it
    user: whose program answers for the files, by FUSE: mount.fuse3(8); 0 is root
    """

    at: Path
    root: str
    device: str
    kind: str
    source: str
    user: int = 0

    @property
    def is_passing(self) -> bool:
        """Whether it is no file system of anybody's, to be copied or named.

        ZFS mounts a snapshot below .zfs/snapshot for whoever looks, and unmounts it some minutes
        later: zfs_expire_snapshot in zfs(4). What a person mounts by FUSE is elsewhere, such as a
        server's directory by sshfs, or a view of files that are there, such as a container's.
        """
        is_snapshot = self.kind == "zfs" and "@" in self.source and ".zfs" in self.at.parts
        return self.kind in PASSING or is_snapshot or self.user != 0

    def is_dataset(self, name: str) -> bool:
        return (self.kind, self.source) == ("zfs", name)

    def is_of(self, device: Path) -> bool:
        """Whether what is mounted is on this device, by whatever name."""
        number = _number(device)
        if number is None:
            return self.source == str(device)
        # btrfs has a number of its own, which is no device's: the major number is 0.
        own = _number(Path(self.source)) if self.device.startswith("0:") else self.device
        return own == number


def _number(device: Path) -> str | None:
    try:
        found = device.stat().st_rdev
    except OSError:
        return None
    return f"{os.major(found)}:{os.minor(found)}" if found else None


def mounts() -> list[Mount]:
    """What is mounted; at each path only what is on top. Raises OSError."""
    found: dict[Path, Mount] = {}
    for line in TABLE.read_bytes().rstrip(b"\n").split(b"\n"):
        # Id, parent, device, root, path, options, tags, "-", type, source, options of the type.
        place, _, rest = line.partition(b" - ")
        device, root, at = map(unescaped, place.split(b" ")[2:5])
        kind, source = map(unescaped, rest.split(b" ")[:2])
        found[Path(at)] = Mount(Path(at), root, device, kind, source, _user(kind, rest))
    return [*found.values()]


def _user(kind: str, rest: bytes) -> int:
    """rest: a line of the table from the type on; options of a file system come last"""
    asked = re.search(rb"(?:^|,)user_id=(\d+)(?:,|$)", rest.split(b" ")[-1])
    return int(asked[1]) if asked and kind.startswith("fuse") else 0
