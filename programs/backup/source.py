"""What is copied, as it was at one moment: services stopped, or a snapshot of LVM or ZFS."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from programs.backup import Settings
from programs.backup.command import Failed, call, patiently
from programs.backup.places import HERE, ROOT

STOPPED = Path("/run/coop-backup-stopped")
SNAPSHOT = "coop-backup"
RUNNING = ("active", "activating", "reloading")


@contextmanager
def source(settings: Settings) -> Iterator[Path]:
    """A directory below which the host's directories are as they were at one moment."""
    tidy(settings)
    wanted, names = settings["source"], settings["directories"]
    with ExitStack() as after:
        after.callback(tidy, settings)
        if "quiesce" in wanted:
            refuse_other_file_systems(names, None)
            _stop(wanted["quiesce"])
            for name in names:
                _mount(after, name, "--bind", "-o", "ro", name)
        elif "lvm" in wanted:
            listed = ("findmnt", "-n", "--first-only", "-o", "TARGET,FSTYPE")
            at, kind = call(*listed, f"/dev/{wanted['lvm']}").split()
            refuse_other_file_systems(names, at)
            options = "ro,nouuid" if kind == "xfs" else "ro"
            _mount(after, at, "-o", options, _lvm_snapshot(wanted["lvm"]))
        else:
            at = call("zfs", "get", "-H", "-o", "value", "mountpoint", wanted["zfs"]).strip()
            refuse_other_file_systems(names, at)
            call("zfs", "snapshot", f"{wanted['zfs']}@{SNAPSHOT}")
            _mount(after, at, "-t", "zfs", f"{wanted['zfs']}@{SNAPSHOT}")
        missing = [name for name in names if not (ROOT / name.lstrip("/")).is_dir()]
        if missing:
            raise Failed(f"not in what is copied: {', '.join(missing)}")
        yield ROOT


def _mount(after: ExitStack, at: str, *words: str) -> None:
    target = ROOT / at.lstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    call("mount", *words, str(target))
    after.callback(call, "umount", str(target))


def refuse_other_file_systems(names: Sequence[str], at: str | None) -> None:
    """What is mounted in a directory is copied, or refused, and not left out in silence.

    But for what holds no files of its own, by findmnt(8): proc, tmpfs, overlay and their like.

    at: where that is mounted of which there is a snapshot, which has no other; None if the
        directories are copied themselves
    Raises Failed.
    """
    listed = json.loads(call("findmnt", "--real", "--json", "--list", "-o", "TARGET"))
    found = {Path(it["target"]) for it in listed["filesystems"]} | {Path("/")}
    mounts = {it for it in found if not it.is_relative_to(HERE)}
    for name in names:
        path = Path(name)
        own = max((it for it in mounts if path.is_relative_to(it)), key=lambda it: len(it.parts))
        if at is not None and own != Path(at):
            raise Failed(
                f"{name} is not on what is mounted at {at}, of which there is a snapshot, but at "
                f"{own}: take it out of directories, or say quiesce in place of the snapshot"
            )
    for path in map(Path, names):
        for inner in sorted(mounts - {path}):
            if inner.is_relative_to(path) and (at is not None or str(inner) not in names):
                raise Failed(
                    f"{inner} in {path} is a file system of its own: name it among the directories "
                    "of a host that has no snapshot, or leave it out by naming others"
                )


def _lvm_snapshot(volume: str) -> str:
    """Its device."""
    group = volume.partition("/")[0]
    # All that is free, for one night: a snapshot that is full is lost.
    call(
        "lvcreate", "--quiet", "--snapshot", "--extents", "100%FREE", "--addtag", SNAPSHOT,
        "--name", SNAPSHOT, volume,
    )  # fmt: skip
    return f"/dev/{group}/{SNAPSHOT}"


def _stop(units: Sequence[str]) -> None:
    """Stop those that run, and what ends with them, and remember which: tidy starts them again."""
    if unknown := [unit for unit in units if _properties(unit, "LoadState") != ["loaded"]]:
        raise Failed(f"to be stopped, but not on this host: {', '.join(unknown)}")
    reached: dict[str, None] = {}
    todo = [*units]
    while todo:
        unit = todo.pop()
        if unit not in reached and _properties(unit, "ActiveState")[0] in RUNNING:
            reached[unit] = None
            # systemd.unit(5): whatever requires it is stopped with it, and not started with it.
            todo += _properties(unit, "RequiredBy", "BoundBy", "ConsistsOf")
    STOPPED.write_text("\n".join(reached))
    if reached:
        call("systemctl", "stop", *reached)


def _properties(unit: str, *names: str) -> list[str]:
    """The words of all of them."""
    return call("systemctl", "show", "--value", "-p", ",".join(names), unit).split()


def tidy(settings: Settings) -> None:
    """What was stopped runs again, and no snapshot of this program's is left.

    A unit that does not start is told, and does not keep the next night from being copied.
    """
    try:
        _start()
    finally:
        wanted = settings["source"]
        if "lvm" in wanted:
            _remove_lvm_snapshot(wanted["lvm"])
        elif "zfs" in wanted:
            _destroy_zfs_snapshot(wanted["zfs"])


def _start() -> None:
    stopped = STOPPED.read_text().split() if STOPPED.exists() else []
    problems = []
    for unit in stopped:
        try:
            call("systemctl", "start", unit)
        except Failed as error:
            problems.append(str(error))
    STOPPED.unlink(missing_ok=True)
    if problems:
        raise Failed("; ".join(problems))


def _remove_lvm_snapshot(volume: str) -> None:
    group, _, name = volume.partition("/")
    # A group's name alone would mean all its volumes, whatever else is said: lvs(8).
    mine = f"lv_name={SNAPSHOT} && lv_tags={{{SNAPSHOT}}} && origin={name}"
    if not call("lvs", "--noheadings", "-o", "lv_name", "-S", mine, group).split():
        return
    # Of a night that was killed, the kernel may still have it mounted for a moment.
    patiently(lambda: call("lvremove", "--quiet", "--yes", f"{group}/{SNAPSHOT}"))


def _destroy_zfs_snapshot(dataset: str) -> None:
    snapshot = f"{dataset}@{SNAPSHOT}"
    listed = call("zfs", "list", "-H", "-d", "1", "-t", "snapshot", "-o", "name", dataset)
    if snapshot in listed.splitlines():
        call("zfs", "destroy", snapshot)
