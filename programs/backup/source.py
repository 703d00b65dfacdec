"""Shows what to copy as it is at one moment: services stopped, or a snapshot of LVM or ZFS."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from programs.backup import Settings
from programs.backup.command import Failed, call, patiently
from programs.backup.mounts import Mount, mounts
from programs.backup.places import HERE, ROOT
from programs.backup.quiesce import start, stop

SNAPSHOT = "coop-backup"


@contextmanager
def source(settings: Settings) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A directory below which the host's directories are as of one moment. Raises Failed.

    With a function that raises Failed if they were not, which only shows once all is copied.
    """
    tidy(settings)
    wanted, names, table = settings["source"], settings["directories"], mounts()
    held = _as_a_snapshot
    with ExitStack() as after:
        after.callback(tidy, settings)
        if "quiesce" in wanted:
            refuse_other_file_systems(names, None, table)
            held = stop(settings)
            for name in names:
                _mount(after, name, "--bind", "-o", "ro", name)
        elif "lvm" in wanted:
            volume = Path("/dev", wanted["lvm"])
            its = _mounted(wanted["lvm"], [it for it in table if it.is_of(volume)], names)
            refuse_other_file_systems(names, its, table)
            options = "ro,nouuid" if its.kind == "xfs" else "ro"
            _mount(after, str(its.at), "-o", options, _lvm_snapshot(wanted["lvm"]))
        else:
            dataset = wanted["zfs"]
            its = _mounted(dataset, [it for it in table if it.is_dataset(dataset)], names)
            refuse_other_file_systems(names, its, table)
            call("zfs", "snapshot", f"{dataset}@{SNAPSHOT}")
            _mount(after, str(its.at), "-t", "zfs", f"{dataset}@{SNAPSHOT}")
        missing = [name for name in names if not (ROOT / name.lstrip("/")).is_dir()]
        if missing:
            raise Failed(f"not in what is copied: {', '.join(missing)}")
        yield ROOT, held


def _as_a_snapshot() -> None:
    """A snapshot is of one moment, whatever runs meanwhile."""


def _mount(after: ExitStack, at: str, *words: str) -> None:
    target = ROOT / at.lstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    call("mount", *words, str(target))
    after.callback(call, "umount", str(target))


def _mounted(what: str, found: Sequence[Mount], names: Sequence[str]) -> Mount:
    """Of the mounts of a file system, one of all of it, if possible above the directories.

    Raises Failed.
    """
    if not found:
        remedy = "mount it, or say quiesce in place of the snapshot"
        raise Failed(f"{what}, of which there should be a snapshot, is not mounted: {remedy}")
    whole = [it for it in found if it.root == "/"]
    if not whole:
        part = found[0]
        raise Failed(f"{what}: only its {part.root} is mounted, at {part.at}: mount all of it")
    return next((it for it in whole if _real(names[0]).is_relative_to(it.at)), whole[0])


def _real(name: str) -> Path:
    """The path without links: the kernel's table knows no others."""
    return Path(os.path.realpath(name))


def _mount_of(path: Path, table: Sequence[Mount]) -> Mount:
    inside = [it for it in table if path.is_relative_to(it.at)]
    return max(inside, key=lambda it: len(it.at.parts))


def refuse_other_file_systems(
    names: Sequence[str], its: Mount | None, table: Sequence[Mount]
) -> None:
    """Refuse directories if a file system within them would be left out in silence.

    its: the file system of the snapshot, as the snapshot has no other; None if the directories
        themselves are copied
    Raises Failed.
    """
    paths = [_real(name) for name in names]
    for name, path in zip(names, paths, strict=True):
        own = _mount_of(path, table)
        if its is not None and own != its:
            raise Failed(
                f"{name} is not on what is mounted at {its.at}, of which there is a snapshot, but "
                f"at {own.at}: take it out of directories, or say quiesce in place of the snapshot"
            )
    for it in table:
        if it.user and any(it.at.is_relative_to(path) for path in paths):
            # Whoever mounts something must not keep the night from making a set.
            print(f"left out: {str(it.at)!a}, which uid {it.user} has mounted", file=sys.stderr)
    others = {it.at for it in table if not it.is_passing and not it.at.is_relative_to(HERE)}
    for path in paths:
        for inner in sorted(others - {path}):
            if inner.is_relative_to(path) and (its is not None or inner not in paths):
                raise Failed(
                    f"{inner} in {path} is a file system of its own: name it among the directories "
                    "of a host that has no snapshot, or leave it out by naming others"
                )


def _lvm_snapshot(volume: str) -> str:
    """Make a snapshot of the volume; returns the snapshot's device."""
    group = volume.partition("/")[0]
    # All that is free, for one night: a snapshot that is full is lost.
    call(
        "lvcreate", "--quiet", "--snapshot", "--extents", "100%FREE", "--addtag", SNAPSHOT,
        "--name", SNAPSHOT, volume,
    )  # fmt: skip
    return f"/dev/{group}/{SNAPSHOT}"


def tidy(settings: Settings) -> None:
    """Start what was stopped, and remove this program's snapshot. Raises Failed.

    A unit that does not start is told once, and does not keep the next night from making a set.
    """
    try:
        start()
    finally:
        wanted = settings["source"]
        if "lvm" in wanted:
            _remove_lvm_snapshot(wanted["lvm"])
        elif "zfs" in wanted:
            _destroy_zfs_snapshot(wanted["zfs"])


def _remove_lvm_snapshot(volume: str) -> None:
    group, _, name = volume.partition("/")
    # With a group's name lvs lists all volumes of the group, whatever other words say: lvs(8). So
    # these conditions select.
    mine = f"lv_name={SNAPSHOT} && lv_tags={{{SNAPSHOT}}} && origin={name}"
    if not call("lvs", "--noheadings", "-o", "lv_name", "-S", mine, group).split():
        return
    # After a night was killed, the kernel may have the snapshot mounted for a moment more.
    patiently(lambda: call("lvremove", "--quiet", "--yes", f"{group}/{SNAPSHOT}"))


def _destroy_zfs_snapshot(dataset: str) -> None:
    snapshot = f"{dataset}@{SNAPSHOT}"
    listed = call("zfs", "list", "-H", "-d", "1", "-t", "snapshot", "-o", "name", dataset)
    if snapshot in listed.splitlines():
        call("zfs", "destroy", snapshot)
