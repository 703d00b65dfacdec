from pathlib import Path
from shlex import quote

import pytest

from facts.mounts import Mountpoints, MountpointState
from operations.mounts import sealed
from tests.unit.host_here import ask, perform, sh
from tests.unit.mountpoint_samples import media
from tests.unit.operation_harness import Run, Shell, run

__all__ = ["media"]

A, B = "/media/storage", "/media/cipher text"
SEALED, BARE = MountpointState(True, 0), MountpointState(False, 0)


def apply(now: dict[str, MountpointState], *paths: str) -> Run:
    return run(sealed, dict.fromkeys(paths or (A, B), "nfs4"), facts={Mountpoints: now})


def test_a_line_of_fstab_is_refused() -> None:
    done = apply({A: SEALED, B: MountpointState(True, 0, in_fstab=True)})
    assert done.failure.startswith(f"{B}: /etc/fstab mounts something there already")


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (MountpointState(False, 0, leads_to="/srv/storage"), "leads to /srv/storage, and systemd"),
        (MountpointState(False, 0, is_file=True), "is no directory, and systemd"),
    ],
)
def test_what_systemd_does_not_mount_on_is_refused(state: MountpointState, says: str) -> None:
    done = apply({A: SEALED, B: state})
    assert done.failure.startswith(f"{B} {says}") and len(done.commands) == 1


def test_anything_else_that_is_mounted_there_is_refused() -> None:
    """A file system under gocryptfs would take files in clear once gocryptfs has died."""
    both = MountpointState(True, 0, mounted=("nfs4", "fuse.gocryptfs"))
    filesystems = {A: "fuse.gocryptfs", B: "nfs4"}
    done = run(sealed, filesystems, facts={Mountpoints: {A: both, B: SEALED}})
    assert f"{A}: nfs4 is mounted there, where only fuse.gocryptfs belongs" in done.failure
    twice = MountpointState(True, 0, mounted=("nfs4", "nfs4"))
    assert apply({A: twice, B: SEALED}).commands == []


def test_sealed_mountpoints_are_one_question() -> None:
    done = apply({A: SEALED, B: SEALED})
    assert (done.commands, done.said) == ([], [])
    assert done.noops == ["all mountpoints are sealed"]
    assert done.asked == [{"paths": [A, B]}]


@pytest.mark.parametrize(
    ("now", "bare", "told"),
    [
        ({A: SEALED, B: BARE}, [B], [f"{B}: writable -> sealed (chattr +i) mountpoint"]),
        ({A: SEALED}, [B], [f"{B}: absent -> sealed (chattr +i) mountpoint"]),
        (
            {},
            [A, B],
            [
                f"{A}: absent -> sealed (chattr +i) mountpoint",
                f"{B}: absent -> sealed (chattr +i) mountpoint",
            ],
        ),
    ],
)
def test_only_what_is_not_sealed_is(
    now: dict[str, MountpointState], bare: list[str], told: list[str]
) -> None:
    done = apply(now)
    assert done.said == told
    assert f"unshare -m sh -s {' '.join(map(quote, bare))} <<" in done.script


@pytest.mark.parametrize("immutable", [True, False])
def test_entries_under_a_mountpoint_are_refused(immutable: bool) -> None:
    """No backup sees such data. So the run seals nothing, not the other mountpoints either."""
    done = apply({B: MountpointState(immutable, 3)})
    assert len(done.commands) == 1
    assert done.failure == (
        f"{B}: 3 entries lie under the mountpoint, where no backup sees them. Unmount it, "
        f"chattr -i {B}, move them away, run again"
    )
    assert done.said == []


def converge(*paths: Path) -> int:
    names = [str(path) for path in paths]
    (command,) = apply(ask(Mountpoints, names), *names).commands
    return perform(command).returncode


def is_sealed(path: Path) -> bool:
    return apply(ask(Mountpoints, [str(path)]), str(path)).commands == []


def test_a_sealed_directory_takes_no_file_even_from_root(media: Path) -> None:
    paths = media / "new/storage", media / "cipher text"
    assert converge(*paths) == 0
    for path in paths:
        assert is_sealed(path)
        with pytest.raises(PermissionError):
            (path / "upload").write_text("lost to every backup")


def test_a_sealed_directory_can_be_mounted_on(media: Path) -> None:
    path = media / "storage"
    assert converge(path) == 0
    script = f'set -e; mount -t tmpfs x "{path}"; touch "{path}/file"'
    covered = sh("unshare -m sh -s", script)
    assert (covered.returncode, covered.stderr) == (0, "")
    assert is_sealed(path)


def test_it_leaves_no_mount_behind(media: Path) -> None:
    before = sh("cat /proc/self/mounts").stdout
    assert converge(media / "a", media / "b") == 0
    assert sh("cat /proc/self/mounts").stdout == before


def test_the_first_failure_is_the_hosts(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("unshare", 'shift; exec "$@"')
    shell.stand_in("mkdir")
    shell.stand_in("mount", "exit 32")
    shell.stand_in("chattr")
    (command,) = apply({}, "/srv", B).commands
    assert perform(command, shell).returncode == 32
    assert shell.calls[-1] == "mount --bind / /mnt"
