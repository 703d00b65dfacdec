from pathlib import Path

import pytest

from facts.mounts import Mountpoints, MountpointState
from tests.unit.host_here import ask, sh
from tests.unit.mountpoint_samples import media
from tests.unit.operation_harness import Shell

__all__ = ["media"]


def test_flags_entries_and_paths_as_printed() -> None:
    assert Mountpoints().parse(
        [
            "----i---------e-------|0|/media/storage",
            "--------------e-------|12|/media/a|b",
            "--------------I-e-----|0|/media/indexed",
            "|0|/media/no-flags-here",
            "fstab|0|/media/old",
            "fstab|0|/media/older",
            "----i---------e-------|0|/media/older",
            "mounted|nfs4|/media/busy",
            "mounted|fuse.gocryptfs|/media/busy",
            "----i---------e-------|0|/media/busy",
        ]
    ) == {
        "/media/storage": MountpointState(immutable=True, entries=0),
        "/media/a|b": MountpointState(immutable=False, entries=12),
        "/media/indexed": MountpointState(immutable=False, entries=0),
        "/media/no-flags-here": MountpointState(immutable=False, entries=0),
        "/media/old": MountpointState(immutable=False, entries=0, in_fstab=True),
        "/media/older": MountpointState(immutable=True, entries=0, in_fstab=True),
        "/media/busy": MountpointState(True, 0, mounted=("nfs4", "fuse.gocryptfs")),
    }


def test_what_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert ask(Mountpoints, [str(tmp_path / "no/such")]) == Mountpoints.default() == {}


def test_without_the_right_to_mount_nothing_is_known(tmp_path: Path) -> None:
    """Otherwise the command would look into the real /mnt."""
    shell = Shell(tmp_path)
    shell.stand_in("unshare", 'shift; exec "$@"')
    shell.stand_in("mount", "exit 32")
    shell.stand_in("umount", "exit 32")
    assert ask(Mountpoints, [str(tmp_path)], shell=shell) == {}
    assert shell.calls[-1] == f"mount --bind {tmp_path.parent} /mnt"


def test_a_link_is_no_directory_and_neither_is_a_path_through_one(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("unshare", 'shift; exec "$@"')
    shell.stand_in("umount")
    # The real /mnt stays as it is: the look at the bare directory goes to a stand-in of it.
    (tmp_path / "parent").mkdir()
    shell.stand_in("mount")
    look = Mountpoints().command([f"{tmp_path}/parent/link", f"{tmp_path}/parent/file"])
    (tmp_path / "parent/link").symlink_to("/srv/a|b")
    (tmp_path / "parent/file").write_text("")
    answer = sh(look.replace("/mnt/", f"{tmp_path}/parent/"), shell=shell)
    assert Mountpoints().process(answer.stdout.splitlines()) == {
        f"{tmp_path}/parent/link": MountpointState(False, 0, leads_to="/srv/a?b"),
        f"{tmp_path}/parent/file": MountpointState(False, 0, is_file=True),
    }
    (tmp_path / "above").symlink_to("parent")
    through = f"{tmp_path}/above/storage"
    found = ask(Mountpoints, [through], shell=shell)
    assert found == {through: MountpointState(False, 0, leads_to=f"{tmp_path}/parent/storage")}


def test_a_directory_right_below_the_root_has_a_parent(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("unshare", 'shift; exec "$@"')
    shell.stand_in("mount", "exit 32")
    assert ask(Mountpoints, ["/srv"], shell=shell) == {}
    assert shell.calls[-1] == "mount --bind / /mnt"


def test_the_directory_itself(media: Path) -> None:
    path, sealed = media / "a b", media / "sealed"
    path.mkdir()
    sealed.mkdir()
    (path / "one").touch()
    (path / ".two").touch()
    sh(f'chattr +i "{sealed}"')
    (media / "file").touch()
    assert ask(Mountpoints, [str(it) for it in (path, sealed, media / "file")]) == {
        str(path): MountpointState(immutable=False, entries=2),
        str(sealed): MountpointState(immutable=True, entries=0),
        str(media / "file"): MountpointState(immutable=False, entries=0, is_file=True),
    }


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("nas:/www {path} nfs rw 0 0", True),
        ("nas:/www {path}/ nfs rw 0 0", True),
        ("nas:/www {path}/below nfs rw 0 0", False),
        ("#nas:/www {path} nfs rw 0 0", False),
        ("# nas:/www {path} nfs rw 0 0", False),
    ],
)
def test_a_line_of_fstab_is_found(tmp_path: Path, line: str, found: bool) -> None:
    path, fstab = tmp_path / "none" / "www", tmp_path / "fstab"
    fstab.write_text(f"/dev/vda / ext4 rw 0 1\n{line.format(path=path)}\n")
    command = Mountpoints().command([str(path)]).replace("/etc/fstab", str(fstab))
    seen = Mountpoints().process(sh(command).stdout.splitlines())
    assert seen == ({str(path): MountpointState(False, 0, in_fstab=True)} if found else {})


def test_nobody_else_sees_its_mount(media: Path, tmp_path: Path) -> None:
    (media / "storage").mkdir()
    shell = Shell(tmp_path)
    shell.stand_in("lsattr", "readlink /proc/self/ns/mnt")
    answer = sh(Mountpoints().command([str(media / "storage")]), shell=shell).stdout
    assert answer.startswith("mnt:[")
    assert not answer.startswith(str(Path("/proc/self/ns/mnt").readlink()))


def test_it_looks_under_what_is_mounted_and_leaves_no_mount(media: Path) -> None:
    path = media / "storage"
    path.mkdir()
    (path / "hidden").touch()
    mounts = sh("cat /proc/self/mounts").stdout
    script = f'mount -t tmpfs x "{path}"; ls -A "{path}"; {Mountpoints().command([str(path)])}'
    covered = sh("unshare -m sh -s", script)
    assert covered.stderr == ""
    assert Mountpoints().process(covered.stdout.splitlines()) == {
        str(path): MountpointState(immutable=False, entries=1)
    }
    assert sh("cat /proc/self/mounts").stdout == mounts
