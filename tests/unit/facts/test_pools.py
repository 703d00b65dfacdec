import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from facts.pool_state import PoolState
from facts.pools import Disk, PoolDisks, PoolDisksState, Signature
from tests.unit.host_here import ask
from tests.unit.operation_harness import Shell

IMPORTED = """\
##pool\ttank
health\tONLINE
cachefile\t-
compatibility\topenzfs-2.1-linux
##cached
##members
tank\t9.50G\t1.20M\t9.50G\t-\t-\t0%\t0%\t1.00x\tONLINE\t-
\tmirror-0\t9.50G\t1.20M\t9.50G\t-\t-\t0%\t0.01%\t-\tONLINE
\t/dev/vdb1\t-\t-\t-\t-\t-\t-\t-\t-\tONLINE
\t/dev/vdc1\t-\t-\t-\t-\t-\t-\t-\t-\tONLINE
##disk\tvirtio-spare1\t/dev/vdb
##disk\tvirtio-spare2\t
##tree\tvirtio-spare1
{
   "blockdevices": [
      {
         "path": "/dev/vdb",
         "size": 10737418240,
         "mountpoints": [
             null
         ],
         "children": [
            {
               "path": "/dev/vdb1",
               "size": 10727981056,
               "mountpoints": [
                   null
               ]
            },{
               "path": "/dev/vdb9",
               "size": 8388608,
               "mountpoints": [
                   null
               ]
            }
         ]
      }
   ]
}
##signatures\tvirtio-spare1\t/dev/vdb
gpt
gpt
PMBR
##signatures\tvirtio-spare1\t/dev/vdb1
zfs_member tank
zfs_member tank
##signatures\tvirtio-spare1\t/dev/vdb9
"""

IMPORT = """\
##pool\ttank
##import
   pool: old tank
     id: 7712830916353254710
  state: ONLINE
 action: The pool can be imported using its name or numeric identifier.
 config:

\told tank    ONLINE
\t  sdb       ONLINE

   pool: tank
     id: 15451357997522795478
  state: DEGRADED
status: The pool was last accessed by another system.
 action: The pool can be imported using its name or numeric identifier and
\tthe '-f' flag.
   see: https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-EY
 config:

\ttank        DEGRADED
\t  mirror-0  DEGRADED
\t    vdb     ONLINE
\t    vdc     UNAVAIL
"""


def read(text: str) -> PoolDisksState:
    return PoolDisks().parse(text.splitlines())


def test_an_imported_pool() -> None:
    seen = read(IMPORTED)
    assert seen.pool == PoolState(
        True, "ONLINE", imported_at_boot=True, compatibility="openzfs-2.1-linux"
    )
    assert seen.members == {"/dev/vdb1", "/dev/vdc1"}
    assert seen.marker is None


def test_a_disk_with_a_pool_is_not_blank_and_a_missing_one_is_neither() -> None:
    disks = read(IMPORTED).disks
    assert disks["virtio-spare1"] == Disk(
        path="/dev/vdb",
        size=10737418240,
        children=("/dev/vdb1", "/dev/vdb9"),
        signatures=(
            Signature("/dev/vdb", "gpt", ""),
            Signature("/dev/vdb", "PMBR", ""),
            Signature("/dev/vdb1", "zfs_member", "tank"),
        ),
    )
    assert not disks["virtio-spare1"].blank
    assert disks["virtio-spare2"] == Disk()
    assert not disks["virtio-spare2"].blank


def test_only_the_pool_of_this_very_name_is_importable() -> None:
    assert read(IMPORT).pool == PoolState(ready=True, importable=("DEGRADED",))


def test_two_pools_of_one_name_are_two() -> None:
    assert read(f"{IMPORT}{IMPORT.split('##import')[1]}").pool.importable == ("DEGRADED",) * 2


def test_a_pool_that_is_not_in_the_cache_is_not_imported_at_boot() -> None:
    assert not read(IMPORTED.replace("##cached\n", "")).pool.imported_at_boot
    assert not read(IMPORTED.replace("cachefile\t-", "cachefile\tnone")).pool.imported_at_boot


def test_the_marker_lists_disks_and_may_be_empty() -> None:
    assert read("##marker\na\nb").marker == ("a", "b")
    assert read("##marker").marker == ()


def test_a_blank_disk_and_swap_and_a_label_with_spaces() -> None:
    tree = '{"blockdevices":[{"path":"/dev/vdb","size":1,"mountpoints":[WHERE]}]}'
    head = "##disk\ta\t/dev/vdb\n##tree\ta\n"
    end = "\n##signatures\ta\t/dev/vdb\n"
    assert read(head + tree.replace("WHERE", "null") + end).disks["a"].blank
    swap = read(head + tree.replace("WHERE", '"[SWAP]"') + end + "ext4   my  disk ").disks["a"]
    assert swap.mountpoints == ("[SWAP]",)
    assert swap.signatures == (Signature("/dev/vdb", "ext4", "my  disk"),)
    assert not swap.blank


@pytest.mark.parametrize("tree", ["", "lsblk: not a block device", '{"blockdevices":[{}]}', "[]"])
def test_a_disk_that_cannot_be_looked_at_is_not_blank(tree: str) -> None:
    disk = read(f"##disk\ta\t/dev/vdb\n##tree\ta\n{tree}").disks["a"]
    assert disk.signatures == (Signature("/dev/vdb", "unreadable", ""),)
    assert not disk.blank


def test_each_device_on_a_disk_is_looked_at(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    tree = json.dumps({"blockdevices": [{"path": "/dev/vdb", "size": 5, "mountpoints": [None]}]})
    shell.stand_in("readlink", "echo /dev/vdb")
    shell.stand_in("lsblk", f"[ $1 = -Jpb ] && echo '{tree}' || printf '/dev/vdb\\n/dev/vdb1\\n'")
    shell.stand_in("wipefs", '[ "$6" = /dev/vdb ] && echo "gpt  "')
    result = shell.run(PoolDisks().command("tank", ["a"]))
    assert result.returncode == 0
    assert [call for call in shell.calls if call.startswith("wipefs")] == [
        "wipefs --no-act --noheadings --output TYPE,LABEL -- /dev/vdb",
        "wipefs --no-act --noheadings --output TYPE,LABEL -- /dev/vdb1",
    ]
    found = PoolDisks().process(result.stdout.splitlines()).disks["a"]
    assert found.path == "/dev/vdb"
    assert found.signatures == (
        Signature("/dev/vdb", "gpt", ""),
        Signature("/dev/vdb1", "unreadable", ""),
    )


def node(path: str, number: str, kind: str, *children: dict[str, Any]) -> dict[str, Any]:
    found = {"path": path, "size": 5, "mountpoints": [None], "type": kind, "maj:min": number}
    return {**found, "children": children} if children else found


def test_a_disk_is_its_number_by_whatever_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """zpool says /dev/dm-1, lsblk /dev/mapper/mpatha-part1, of a disk with two ways to it."""
    shell = Shell(tmp_path)
    part = node("/dev/mapper/mpatha-part1", "253:1", "part", node("/dev/vg0/x", "253:2", "lvm"))
    tree = {"blockdevices": [node("/dev/mapper/mpatha", "253:0", "mpath", part)]}
    members = "storage\\t1T\\t-\\n\\t/dev/dm-1\\t-\\n\\t/srv/a file\\t-\\n"
    monkeypatch.setattr("facts.pool_state.MODULE", "/")
    shell.stand_in("zpool", f"case $2 in -vHPL) printf '{members}' ;; esac")
    shell.stand_in("readlink", "echo /dev/dm-0")
    shell.stand_in("wipefs")
    shell.stand_in(
        "lsblk",
        f"""case "$*" in -Jpb*) echo '{json.dumps(tree)}' ;; *dm-1) echo ' 253:1 ' ;; esac""",
    )
    found = ask(PoolDisks, "storage", ["wwn-1"], shell=shell)
    assert found.members == {"/dev/dm-1", "/srv/a file"}
    assert found.numbers == {"253:1"}
    disk = found.disks["wwn-1"]
    assert disk.numbers == {"253:0", "253:1", "253:2"}
    assert disk.partitions == ("/dev/mapper/mpatha-part1",)
    assert found.has(disk) and not found.has(Disk("/dev/dm-8", numbers=frozenset({"253:8"})))


@pytest.mark.parametrize(
    ("content", "is_cached"),
    [
        (b"\0\0\0\5tank2\0\0\0\0\0\4name", False),
        (b"\0\0\0\4path\0\0\0\x0f/dev/tank/x\0", False),
        (b"\0\0\0\5tank2\0\0\0\0\0\4tank\0\0\1", True),
        (None, False),
    ],
)
def test_a_pool_of_a_similar_name_in_the_cache_is_another_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, *, is_cached: bool
) -> None:
    monkeypatch.setattr("facts.pool_state.MODULE", "/")
    monkeypatch.setattr("facts.pool_state.CACHE", str(tmp_path / "cache"))
    if content:
        (tmp_path / "cache").write_bytes(content)
    shell = Shell(tmp_path)
    shell.stand_in("zpool", r"[ $1 = list ] || printf 'health\tONLINE\ncachefile\t-\n'")
    found = ask(PoolDisks, "tank", [], shell=shell).pool
    assert (found.health, found.imported_at_boot) == ("ONLINE", is_cached)


def test_without_zfs_the_command_succeeds_and_nothing_is_known() -> None:
    command = PoolDisks().command("tank", ["no such", "ata-1"])
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    seen = read(result.stdout)
    assert seen.pool == PoolState()
    assert seen.disks == {"no such": Disk(), "ata-1": Disk()}
    assert PoolDisks().parse([]) == PoolDisks.default() == PoolDisksState()


CLASSES = ("dedup", "special", "logs", "cache", "spare")


def listed(*names: str) -> tuple[str, ...]:
    """As zpool(8) prints them with -H: the name of a class stands in columns all the same."""
    rows = "".join(
        f"{name:24}      -      -      -        -         -      -      -      -  -\n"
        if name in CLASSES
        else f"\t{name}\t9.50G\t-\tONLINE\n"
        for name in names
    )
    return read(f"##members\ntank\t9.50G\t-\tONLINE\n{rows}").vdevs


def test_the_vdevs_that_hold_the_data() -> None:
    two = ("mirror-0", "/dev/vdb1", "/dev/vdc1", "mirror-1", "/dev/vdd1", "/dev/vde1")
    assert listed(*two) == ("mirror of 2", "mirror of 2")
    assert listed(*two[:3], "logs", "mirror-2", "/dev/x", "/dev/y", "cache", "/dev/z") == (
        "mirror of 2",
    )
    for its in CLASSES:
        assert listed(*two[:3], its, "/dev/z") == ("mirror of 2",)
        assert listed(*two[:3], its, "mirror-2", "/dev/x", "/dev/y") == ("mirror of 2",)
    assert listed("raidz2-0", "/dev/a", "/dev/b", "/dev/c", "/dev/d") == ("raidz2 of 4",)
    # What is not known for certain is not compared.
    assert listed("/dev/vdb1") == listed("mirror-0", "replacing-0", "/dev/a", "/dev/b") == ()
