"""ZFS pools with the disks that they are made of.

Formats: zpool-list(8) of OpenZFS 2.1, lsblk(8), wipefs(8).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from shlex import join, quote
from typing import Any

from engine.fact import Fact, lines_of, sections, whole
from facts.pool_state import BY_ID, PoolState, pool_command, pool_state, with_zfs


def intent_marker(pool: str) -> str:
    """The file that lists, one a line, the blank disks of which a run is about to make a pool."""
    return f"/var/lib/coop-infra/zpool-create-{pool}"


@dataclass(frozen=True)
class Signature:
    """What wipefs(8) recognises on a device: its type (ext4, gpt, zfs_member ...) and label.

    The type is "unreadable" if wipefs could not look at the device.
    """

    device: str
    type: str
    label: str


@dataclass(frozen=True)
class Disk:
    """A disk by its name in /dev/disk/by-id.

    path: its device, None if the disk is not there; size: in bytes
    children: its partitions and all that is built on them (LUKS, LVM, RAID)
    partitions: those of the children that are partitions
    numbers: "major:minor" of the disk and its children: the same device by whatever name
    mountpoints: where the disk or a child is mounted, "[SWAP]" for swap
    signatures: on the disk and its children
    """

    path: str | None = None
    size: int = 0
    children: tuple[str, ...] = ()
    mountpoints: tuple[str, ...] = ()
    signatures: tuple[Signature, ...] = ()
    partitions: tuple[str, ...] = ()
    numbers: frozenset[str] = frozenset()

    @property
    def blank(self) -> bool:
        """Whether the disk is there without anything that wipefs or lsblk recognises.

        Neither sees raw data without a signature.
        """
        used = self.children or self.mountpoints or self.signatures
        return self.path is not None and not used


@dataclass(frozen=True)
class PoolDisksState:
    """A pool and the disks declared for it, by name.

    members: real paths of the devices that the imported pool consists of
    numbers: "major:minor" of these devices
    marker: the disks in the intent marker, None if there is no marker
    vdevs: what the pool's data lies on, such as ("mirror of 2", "mirror of 2"); () if not known
    """

    pool: PoolState = field(default_factory=PoolState)
    members: frozenset[str] = frozenset()
    marker: tuple[str, ...] | None = None
    disks: Mapping[str, Disk] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
    vdevs: tuple[str, ...] = ()

    def has(self, disk: Disk) -> bool:
        """Whether the disk, or something on it, is in the imported pool."""
        return bool(self.numbers & disk.numbers or self.members & {disk.path, *disk.children})


class PoolDisks(Fact[PoolDisksState]):
    """A pool and the disks declared for it, by their names in /dev/disk/by-id."""

    def command(self, pool: str, disks: Sequence[str]) -> str:
        members = _MEMBERS_COMMAND.format(list=with_zfs(f"zpool list -vHPL {quote(pool)}"))
        marker = quote(intent_marker(pool))
        read_marker = f"if [ -e {marker} ]; then echo '##marker'; cat {marker}; fi"
        loop = _DISKS_COMMAND.replace("DISKS", join(disks))
        return whole("\n".join([pool_command(pool), members, read_marker, loop]))

    @staticmethod
    def default() -> PoolDisksState:
        return PoolDisksState()

    def parse(self, output: list[str]) -> PoolDisksState:
        members = {part for line in lines_of(output, "members") for part in line.split("\t")}
        has_marker = any(section.title == "marker" for section in sections(output))
        return PoolDisksState(
            pool_state(output),
            frozenset(part for part in members if part.startswith("/")),
            tuple(lines_of(output, "marker")) if has_marker else None,
            _disks(output),
            frozenset(line.strip() for line in lines_of(output, "numbers")),
            _vdevs(lines_of(output, "members")),
        )


# zpool names a device otherwise than lsblk and by-id do, e.g. a part of a multipath device.
_MEMBERS_COMMAND = """\
echo '##members'
members=$({list} 2>/dev/null)
printf '%s\\n' "$members"
echo '##numbers'
printf '%s\\n' "$members" | tr '\\t' '\\n' | grep '^/' | while IFS= read -r member; do
  lsblk -dnro MAJ:MIN -- "$member" 2>/dev/null
done"""


def _vdevs(lines: Sequence[str]) -> tuple[str, ...]:
    """The vdevs of data in what `zpool list -vHPL` prints: zpoolconcepts(7).

    The name of a class, such as logs, stands in columns, without the tab that all else begins with.
    """
    found: list[tuple[str, int]] = []
    for word in (line.split()[0] for line in lines[1:] if line.strip()):
        if match := re.fullmatch(r"(mirror|raidz[123])-\d+", word):
            found.append((match[1], 0))
        elif word.startswith("/") and found:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        elif word.startswith("/"):
            # A disk that is a vdev by itself. Beside others it would count as one of theirs.
            return ()
        elif word in ("logs", "cache", "spare", "special", "dedup"):
            break
        else:
            # A disk is being replaced.
            return ()
    return tuple(f"{kind} of {number}" for kind, number in found)


_DISKS_COMMAND = f"""\
for disk in DISKS; do
  printf '##disk\\t%s\\t%s\\n' "$disk" "$(readlink -e -- {BY_ID}/"$disk")"
done
for disk in DISKS; do
  real=$(readlink -e -- {BY_ID}/"$disk") || continue
  printf '##tree\\t%s\\n' "$disk"
  lsblk -Jpb -o PATH,SIZE,MOUNTPOINTS,TYPE,MAJ:MIN -- "$real"
  lsblk -nrpo PATH -- "$real" | sort -u | while read -r node; do
    printf '##signatures\\t%s\\t%s\\n' "$disk" "$node"
    wipefs --no-act --noheadings --output TYPE,LABEL -- "$node" || echo unreadable
  done
done"""


def _disks(output: list[str]) -> dict[str, Disk]:
    paths: dict[str, str] = {}
    trees: dict[str, list[dict[str, Any]]] = {}
    signatures: dict[str, list[Signature]] = {}
    for section in sections(output):
        match section.fields:
            case ("disk", name, path):
                paths[name] = path
            case ("tree", name):
                trees[name] = _tree("\n".join(section.lines))
            case ("signatures", name, node):
                signatures.setdefault(name, []).extend(_signatures(node, section.lines))
    return {
        name: _disk(path, trees.get(name, []), signatures.get(name, []))
        for name, path in paths.items()
    }


def _tree(text: str) -> list[dict[str, Any]]:
    """A device and everything on it, from `lsblk -J`; empty if the text cannot be read."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        waiting = list(json.loads(text)["blockdevices"])
        nodes = []
        while waiting:
            node = waiting.pop(0)
            nodes.append({**node, **{key: node[key] for key in ("path", "size", "mountpoints")}})
            waiting += node.get("children", [])
        return nodes
    return []


def _signatures(node: str, lines: list[str]) -> Iterator[Signature]:
    # ZFS keeps several copies of its label, and wipefs prints the same line for each.
    for line in dict.fromkeys(line.strip() for line in lines if line.strip()):
        kind, _, label = line.partition(" ")
        yield Signature(node, kind, label.strip())


def _disk(path: str, tree: list[dict[str, Any]], signatures: list[Signature]) -> Disk:
    if not path:
        return Disk()
    if not tree:
        # A disk that lsblk could not look at must not pass for blank.
        return Disk(path, signatures=(*signatures, Signature(path, "unreadable", "")))
    children = dict.fromkeys(node["path"] for node in tree[1:])
    mountpoints = [where for node in tree for where in node["mountpoints"] if where]
    return Disk(
        path,
        tree[0]["size"],
        tuple(children),
        tuple(mountpoints),
        tuple(signatures),
        tuple(dict.fromkeys(node["path"] for node in tree[1:] if node.get("type") == "part")),
        frozenset(str(node["maj:min"]).strip() for node in tree if node.get("maj:min")),
    )
