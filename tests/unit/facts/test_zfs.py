import subprocess
from pathlib import Path

import pytest

from facts import pool_state
from facts.pool_state import PoolState
from facts.pools import PoolDisks
from facts.zfs import DatasetState, Property, Zfs, ZfsState
from tests.unit.operation_harness import Shell

OUTPUT = """\
##pool\ttank
health\tDEGRADED
cachefile\tnone
##datasets
tank\tcanmount\ton\tdefault
tank\tmounted\tyes\t-
tank\tmountpoint\t/tank\tlocal
tank\tquota\t0\tdefault
tank\ttype\tfilesystem\t-
tank/my files\tcanmount\tnoauto\tlocal
tank/my files\tmounted\tyes\t-
tank/my files\tmountpoint\t/tank/my files\tinherited from tank
tank/my files\tquota\t1073741824\tlocal
tank/my files\ttype\tfilesystem\t-
tank/my files\torg.example:note\tone\ttwo\treceived
tank/disk0\tcanmount\t-\t-
tank/disk0\tmounted\t-\t-
tank/disk0\tmountpoint\t-\t-
tank/disk0\tquota\t-\t-
tank/disk0\ttype\tvolume\t-
##roots
tank\t0 0 755
tank/my\\040files\t1001 1002 2770
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the module, which is loaded."""
    directory = tmp_path / "module"
    directory.mkdir()
    monkeypatch.setattr(pool_state, "MODULE", str(directory))
    return directory


def read(text: str) -> ZfsState:
    return Zfs().parse(text.splitlines())


def test_the_pool_and_its_datasets() -> None:
    seen = read(OUTPUT)
    assert seen.pool == PoolState(ready=True, health="DEGRADED")
    assert list(seen.datasets) == ["tank", "tank/my files", "tank/disk0"]


def test_values_are_exact_and_keep_their_source() -> None:
    files = read(OUTPUT).datasets["tank/my files"]
    assert files.properties["quota"] == Property("1073741824", "local")
    assert files.properties["mountpoint"] == Property("/tank/my files", "inherited from tank")
    assert files.properties["org.example:note"] == Property("one\ttwo", "received")
    assert files.value("atime") is None


@pytest.mark.parametrize(
    ("version", "means"),
    [("2.1.11-1+deb12u1", "on"), ("2.3.9-0+deb13u1", "sa"), ("2.10.0", "sa"), ("", "on")],
)
def test_from_2_3_on_attributes_that_are_on_are_system_attributes(version: str, means: str) -> None:
    text = f"##version\n{version}\n##datasets\ntank\txattr\ton\tlocal\ntank\tatime\ton\tlocal\n"
    tank = read(text).datasets["tank"]
    assert tank.properties["xattr"] == Property(means, "local")
    assert tank.value("atime") == "on"


def test_the_root_directory_of_a_mounted_dataset() -> None:
    files = read(OUTPUT).datasets["tank/my files"]
    assert (files.owner, files.mode) == ((1001, 1002), 0o2770)
    disk = read(OUTPUT).datasets["tank/disk0"]
    assert (disk.owner, disk.mode) == (None, None)


def test_a_mount_that_cannot_be_read_has_no_owner() -> None:
    text = OUTPUT.replace("1001 1002 2770", "")
    assert read(text).datasets["tank/my files"].owner is None


def test_no_pool_no_output_and_noise() -> None:
    assert read("##pool\ttank\n##import\n##datasets\n##roots") == ZfsState(PoolState(ready=True))
    assert Zfs().parse([]) == Zfs.default() == ZfsState()
    assert read("##datasets\n\ninternal error: x\ntank\tquota\n##roots\n\ntank") == ZfsState()


def test_the_command_asks_exact_numbers_of_filesystems_and_volumes_only(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("zpool", '[ "$1" = list ] || printf "health\\tONLINE\\ncachefile\\t-\\n"')
    shell.stand_in("zfs", 'printf "tank\\ttype\\tfilesystem\\t-\\n"')
    result = shell.run(Zfs().command("tank", ["quota", "atime", "type"]))
    assert result.returncode == 0
    assert shell.calls == [
        "zpool list -H",
        "zpool get -Hp -o property,value all tank",
        "zfs get -Hp -r -t filesystem,volume -o name,property,value,source "
        "atime,canmount,mounted,mountpoint,quota,type tank",
    ]
    assert read(result.stdout).datasets == {
        "tank": DatasetState({"type": Property("filesystem", "-")})
    }


def test_other_pools_are_looked_for_only_if_it_is_not_imported(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("zpool", '[ "$1" != get ] || exit 1')
    shell.stand_in("zfs", "exit 1")
    result = shell.run(Zfs().command("tank"))
    assert result.returncode == 0
    assert "zpool import -d /dev/disk/by-id" in shell.calls
    assert read(result.stdout) == ZfsState(PoolState(ready=True))


def test_a_look_loads_no_module(tmp_path: Path, module: Path) -> None:
    module.rmdir()
    shell = Shell(tmp_path)
    for program in ("zpool", "zfs"):
        shell.stand_in(program)
    assert read(shell.run(Zfs().command("tank", ["quota"])).stdout) == ZfsState()
    shell.run(PoolDisks().command("tank", []))
    assert shell.calls == []


def test_without_zfs_the_command_succeeds() -> None:
    command = Zfs().command("tank", ["quota"])
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert read(result.stdout) == ZfsState()


def test_the_root_of_a_dataset_is_looked_at_where_the_kernel_says(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("zpool", "exit 1")
    paths = ["/tank/USB/Drive 1", "/tank/50%d\\n", "/tank/é\n"]
    escaped = [r"/tank/USB/Drive\0401", r"/tank/50%d\134n", r"/tank/é\012"]
    lines = [f"tank/x\\040{number} {path} zfs rw 0 0" for number, path in enumerate(escaped)]
    others = [
        *("tank@a /tank/.zfs/snapshot/a zfs ro 0 0", "tank /srv nfs4 rw 0 0", "tank2 /t zfs rw"),
        # Something else is on top.
        *("tank/y /tank/y zfs rw", "/dev/sdb1 /tank/y ext4 rw"),
    ]
    (tmp_path / "mounts").write_text("\n".join([*lines, *others, ""]))
    shell.stand_in("stat", f"""printf '[%s]' "$4" >> {tmp_path}/asked; echo 1 2 755""")
    command = Zfs().command("tank").replace("/proc/self/mounts", str(tmp_path / "mounts"))
    output = shell.run(command).stdout
    assert (tmp_path / "asked").read_text() == "".join(f"[{path}]" for path in paths)
    roots = output.partition("##roots\n")[2].splitlines()
    assert roots[0] == "tank/x\\0400\t1 2 755"


def test_a_directory_of_a_dataset_that_is_mounted_elsewhere_too_is_not_its_root() -> None:
    files = read(f"{OUTPUT}tank/my\\040files\t33 33 700\n").datasets["tank/my files"]
    assert files.owner == (1001, 1002)
