from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facts.pool_state import BY_ID, Pool, PoolState
from facts.pools import Disk, PoolDisks, PoolDisksState, Signature
from operations import pools
from operations.pool_features import Limit
from tests.unit.operation_harness import Run, Shell, run

FEATURES = "openzfs-2.1-linux"
KNOWN = Limit(FEATURES, "Debian 12", {"large_blocks"}, {"Debian 13": {"large_blocks", "blake3"}})
LIMIT = f"zpool set compatibility={FEATURES} tank"
SIZE = 10 * 2**30
A, B = "virtio-spare1", "virtio-spare2"
BLANK = {A: Disk("/dev/vdb", SIZE), B: Disk("/dev/vdc", SIZE)}
READY = PoolState(ready=True)
GONE = PoolDisksState(READY, disks=BLANK)
RUNNING = PoolDisksState(
    PoolState(True, "ONLINE", (), True, FEATURES), frozenset({"/dev/vdb", "/dev/vdc1"}), None, BLANK
)


def marked(path: str, *signatures: str, children: tuple[str, ...] = ("1", "9")) -> Disk:
    """A disk with a ZFS partition table, and these types of signature on the first partition."""
    table = [Signature(path, "gpt", ""), Signature(path, "PMBR", "")]
    others = [Signature(f"{path}1", kind, "tank") for kind in signatures]
    return Disk(path, SIZE, tuple(path + child for child in children), (), (*table, *others))


HALF_MADE = {A: marked("/dev/vdb"), B: BLANK[B]}
LABELLED = {A: marked("/dev/vdb", "zfs_member"), B: marked("/dev/vdc", "zfs_member")}


def pool(seen: PoolDisksState | list[PoolDisksState], **options: Any) -> Run:
    facts: dict[type, Any] = {PoolDisks: seen, Pool: READY}
    return run(pools.pool, "tank", "mirror", [A, B], KNOWN, facts=facts, **options)


def problems(seen: PoolDisksState) -> str:
    return "\n".join(pools.preflight_problems(seen, "tank", "mirror", [A, B]))


def create(run: Run) -> list[str]:
    return [line for line in run.lines if line.startswith("zpool create")]


def test_an_imported_pool_is_left_as_it_is_after_one_question() -> None:
    disks = {A: BLANK[A], B: marked("/dev/vdc", "zfs_member")}
    done = pool(replace(RUNNING, disks=disks))
    assert (done.commands, done.warned) == ([], [])
    assert done.noops == ["pool tank is imported"]
    assert done.asked == [{"pool": "tank", "disks": (A, B)}]


def test_an_imported_pool_is_imported_at_the_next_boot_too() -> None:
    seen = replace(RUNNING, pool=replace(RUNNING.pool, imported_at_boot=False))
    assert pool(seen).lines == ["zpool set cachefile= tank"]


@pytest.mark.parametrize("found", ["off", "openzfs-2.3-linux", "grub2"])
def test_a_pool_may_have_no_feature_that_another_host_does_not_know(found: str) -> None:
    """Nothing that the pool has is taken away, and `zpool upgrade` adds no more than this."""
    done = pool(replace(RUNNING, pool=replace(RUNNING.pool, compatibility=found)))
    assert done.lines == [LIMIT]
    assert done.said == [f"tank: compatibility {found} -> {FEATURES}"]


@pytest.mark.parametrize("executing", [True, False])
def test_run_and_dry_run_warn_of_features_that_another_host_does_not_know(
    *, executing: bool
) -> None:
    """Nothing can take them away: the pool is left as it is, after the one question."""
    disks = {A: BLANK[A], B: marked("/dev/vdc", "zfs_member")}
    upgraded = replace(RUNNING.pool, features={"large_blocks": "active", "blake3": "active"})
    done = pool(replace(RUNNING, pool=upgraded, disks=disks), executing=executing)
    assert (done.commands, len(done.asked)) == ([], 1)
    (warning,) = done.warned
    assert warning.startswith("tank: active on the pool and not known to Debian 12: blake3. ")


def test_a_pool_that_is_imported_shows_its_features_then() -> None:
    found = PoolDisksState(replace(READY, importable=("ONLINE",)), disks=LABELLED)
    upgraded = replace(RUNNING.pool, features={"blake3": "enabled"})
    facts: dict[type, Any] = {PoolDisks: found, Pool: upgraded}
    done = run(pools.pool, "tank", "mirror", [A, B], KNOWN, facts=facts)
    assert len(done.commands) == 1
    (warning,) = done.warned
    assert "enabled on the pool, not active, and not known to Debian 12: blake3. " in warning


def test_a_pool_with_features_that_this_host_lacks_is_refused_before_anything_changes() -> None:
    lacking = replace(READY, importable=("UNAVAIL",), lacks=("head_errlog",))
    for marker in (None, (A, B)):
        seen = PoolDisksState(lacking, marker=marker, disks=LABELLED)
        (why,) = pools.preflight_problems(seen, "tank", "mirror", [A, B])
        assert "does not know features that are active on it (head_errlog)" in why
        assert "says what is missing" not in why
        assert pool(seen).failure == why


def test_trouble_with_an_imported_pool_is_warned_about_and_stops_nobody() -> None:
    seen = replace(RUNNING, pool=replace(RUNNING.pool, health="DEGRADED"), disks={A: BLANK[A]})
    done = pool(seen)
    assert done.commands == []
    assert done.warned == [
        "tank: the pool is DEGRADED; see zpool status -x",
        f"tank: disk {B} is declared but not in the pool; add it by hand",
    ]
    assert problems(seen) == ""


def multipath(number: int, *signatures: str) -> Disk:
    part = f"/dev/mapper/mpath{number}-part1"
    found = marked(f"/dev/dm-{number}", *signatures, children=())
    numbers = frozenset({f"253:{number}", f"253:{number + 1}"})
    return replace(found, children=(part,), partitions=(part,), numbers=numbers)


def test_a_disk_in_the_pool_is_known_by_its_number() -> None:
    disks = {A: multipath(0), B: multipath(3)}
    seen = replace(RUNNING, members=frozenset({"/dev/dm-1", "/dev/dm-4"}), disks=disks)
    assert pool(replace(seen, numbers=frozenset({"253:1", "253:4"}))).warned == []
    assert pool(replace(seen, numbers=frozenset({"253:1", "253:5"}))).warned == [
        f"tank: disk {B} is declared but not in the pool; add it by hand"
    ]


def test_a_pool_of_multipath_devices_is_finished_too() -> None:
    disks = {A: multipath(0), B: BLANK[B]}
    assert create(pool(PoolDisksState(READY, marker=(A, B), disks=disks)))
    others = {**disks, A: replace(disks[A], children=(*disks[A].children, "/dev/mapper/crypt"))}
    assert "is not blank" in problems(PoolDisksState(READY, marker=(A, B), disks=others))


def test_the_marker_goes_once_the_pool_is_there() -> None:
    marker = "/var/lib/coop-infra/zpool-create-tank"
    assert pool(replace(RUNNING, marker=(A, B))).lines == [f"rm -f {marker}"]
    found = PoolDisksState(replace(READY, importable=("ONLINE",)), marker=(A, B), disks=LABELLED)
    assert pool(found).lines[-1] == f"rm -f {marker}"


@pytest.mark.parametrize("state", ["ONLINE", "DEGRADED"])
def test_a_pool_that_is_found_is_imported_whatever_the_disks_look_like(state: str) -> None:
    for disks in (BLANK, LABELLED, {}):
        for marker in (None, (A, B)):
            seen = PoolDisksState(replace(READY, importable=(state,)), frozenset(), marker, disks)
            assert problems(seen) == ""
            assert create(pool(seen)) == []
            assert pool(seen).lines[0].startswith(f"zpool import -d {BY_ID} tank ||")


def test_an_import_that_fails_says_what_to_do(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("zpool", "exit 1")
    result = shell.run(pool(replace(GONE, pool=replace(READY, importable=("ONLINE",)))).script)
    assert result.returncode == 1
    assert "zpool import -f tank" in result.stderr
    assert shell.calls == [f"zpool import -d {BY_ID} tank"]


def test_a_new_pool_of_blank_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "state" / "marker"
    monkeypatch.setattr(pools, "intent_marker", lambda pool: str(marker))
    shell = Shell(tmp_path)
    shell.stand_in("zpool", f'echo "marker: $(tr "\\n" " " <{marker})" >>{shell.log}')
    done = pool(GONE)
    assert done.said == [f"tank: new pool, mirror of {A}, {B}"]
    assert shell.run(done.script).returncode == 0
    assert shell.calls == [
        f"zpool create -o ashift=12 -o compatibility={FEATURES} -m /tank "
        f"tank mirror {BY_ID}/{A} {BY_ID}/{B}",
        f"marker: {A} {B} ",
    ]
    assert not marker.exists()


def test_a_creation_that_fails_keeps_its_marker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "marker"
    monkeypatch.setattr(pools, "intent_marker", lambda pool: str(marker))
    shell = Shell(tmp_path)
    shell.stand_in("zpool", "exit 1")
    assert shell.run(pool(GONE).script).returncode == 1
    assert marker.read_text() == f"{A}\n{B}\n"


def test_a_pool_of_several_vdevs() -> None:
    names = ["a", "b", "c", "d"]
    disks = {name: Disk(f"/dev/vd{name}", SIZE) for name in names}
    seen = PoolDisksState(READY, disks=disks)
    done = run(pools.pool, "tank", "mirror", names, KNOWN, facts={PoolDisks: seen}, width=2)
    assert done.said == ["tank: new pool, mirror of a, b; mirror of c, d"]
    (line,) = create(done)
    assert line.endswith(f"tank mirror {BY_ID}/a {BY_ID}/b mirror {BY_ID}/c {BY_ID}/d")


@pytest.mark.parametrize(
    ("vdevs", "warned"),
    [(("mirror of 2",), False), ((), False), (("mirror of 2", "mirror of 2"), True)],
)
def test_other_vdevs_than_those_that_are_declared_are_told(
    vdevs: tuple[str, ...], warned: bool
) -> None:
    """A pool that is made anew by the data would have other room, or survive other failures."""
    disks = {A: BLANK[A], B: Disk("/dev/vdc", SIZE, ("/dev/vdc1",))}
    done = pool(replace(RUNNING, vdevs=vdevs, disks=disks))
    says = "the pool is mirror of 2 and mirror of 2, and declared is mirror of 2:"
    assert [says in text for text in done.warned] == [True] * warned


def test_disks_without_redundancy() -> None:
    done = run(pools.pool, "tank", "single", [A], KNOWN, 13, facts={PoolDisks: GONE})
    assert create(done) == [
        f"zpool create -o ashift=13 -o compatibility={FEATURES} -m /tank tank {BY_ID}/{A}"
    ]


OTHERS: Mapping[str, Disk] = {
    "ext4 data on /dev/vdb": Disk(
        "/dev/vdb", SIZE, (), (), (Signature("/dev/vdb", "ext4", "data"),)
    ),
    "zfs_member tank on /dev/vdb1": marked("/dev/vdb", "zfs_member"),
    "mounted at /srv": Disk("/dev/vdb", SIZE, (), ("/srv",)),
    "it holds /dev/vdb1": Disk("/dev/vdb", SIZE, ("/dev/vdb1",)),
    "gpt on /dev/vdb": marked("/dev/vdb"),
    "unreadable on": Disk("/dev/vdb", SIZE, (), (), (Signature("/dev/vdb", "unreadable", ""),)),
}


@pytest.mark.parametrize("content", OTHERS)
def test_a_disk_that_is_not_blank_is_never_used(content: str) -> None:
    seen = replace(GONE, disks={A: OTHERS[content], B: BLANK[B]})
    done = pool(seen)
    assert len(done.commands) == 1
    for text in (done.failure, problems(seen)):
        assert f"disk {A} (/dev/vdb) is not blank" in text
        assert content in text
        assert "wipe it by hand" in text
        assert B not in text


@pytest.mark.parametrize("disks", [{A: BLANK[A]}, {A: BLANK[A], B: Disk()}])
def test_a_disk_that_is_missing(disks: dict[str, Disk]) -> None:
    assert f"disk {B} is missing" in pool(replace(GONE, disks=disks)).failure


def test_disks_that_do_not_make_the_layout() -> None:
    same = replace(GONE, disks={A: BLANK[A], B: BLANK[A]})
    assert "mirror of only 1 different disks" in problems(same)
    unequal = replace(GONE, disks={A: BLANK[A], B: Disk("/dev/vdc", SIZE + 2**30)})
    assert "declare disks of one size" in problems(unequal)


def test_a_creation_that_was_cut_off_is_finished() -> None:
    for importable in ((), ("FAULTED",), ("UNAVAIL",)):
        state = replace(READY, importable=importable)
        seen = PoolDisksState(state, marker=(B, A), disks=HALF_MADE)
        assert problems(seen) == ""
        (line,) = create(pool(seen))
        assert line.startswith("zpool create -f -o ashift=12 ")


def test_it_is_not_forced_if_nothing_had_been_written_yet() -> None:
    assert "-f " not in create(pool(replace(GONE, marker=(A, B))))[0]


@pytest.mark.parametrize(
    "disk",
    [
        marked("/dev/vdb", "zfs_member"),
        marked("/dev/vdb", "ext4"),
        replace(marked("/dev/vdb"), children=("/dev/vdb1", "/dev/mapper/vg-data")),
        replace(marked("/dev/vdb"), mountpoints=("/srv",)),
        replace(marked("/dev/vdb"), signatures=(Signature("/dev/vdb", "unreadable", ""),)),
    ],
)
def test_the_marker_never_permits_to_overwrite_what_came_later(disk: Disk) -> None:
    done = pool(PoolDisksState(READY, marker=(A, B), disks={A: disk, B: BLANK[B]}))
    assert "is not blank" in done.failure


@pytest.mark.parametrize("marker", [None, (), (A,), (A, "virtio-spare3"), (A, B, "virtio-spare3")])
def test_only_the_marker_of_exactly_these_disks_counts(marker: tuple[str, ...] | None) -> None:
    done = pool(PoolDisksState(READY, marker=marker, disks=HALF_MADE))
    assert "is not blank" in done.failure


@pytest.mark.parametrize("state", ["UNAVAIL", "FAULTED"])
def test_a_pool_that_is_found_broken_is_not_made_again(state: str) -> None:
    for disks in (BLANK, LABELLED):
        seen = PoolDisksState(replace(READY, importable=(state,)), disks=disks)
        assert f"cannot be imported ({state})" in pool(seen).failure


def test_two_pools_of_one_name_are_for_a_person_to_tell_apart() -> None:
    seen = replace(GONE, pool=replace(READY, importable=("ONLINE", "ONLINE")), marker=(A, B))
    assert "2 pools have this name" in pool(seen).failure


def test_zfs_that_is_not_installed_yet_is_no_problem() -> None:
    blank, labelled = PoolDisksState(disks=BLANK), PoolDisksState(disks=LABELLED)
    assert problems(blank) == problems(labelled) == ""
    assert pool(blank, executing=False, diff=True).said == [f"tank: new pool, mirror of {A}, {B}"]
    assert pool(labelled, executing=False, diff=True).said == ["tank: pool to be imported"]
    other = {A: marked("/dev/vdb", "ext4"), B: BLANK[B]}
    assert "is not blank" in problems(PoolDisksState(disks=other))


def test_the_module_is_loaded_before_anything_is_decided() -> None:
    found = PoolDisksState(replace(READY, importable=("ONLINE",)), disks=LABELLED)
    done = pool([PoolDisksState(disks=BLANK), found])
    assert "modprobe zfs" in done.commands[0].connector_arguments["_stdin"]
    assert "zpool import" in done.commands[1].connector_arguments["_stdin"]
    assert len(done.commands) == 2
    still_not = pool([PoolDisksState(disks=BLANK), PoolDisksState(disks=BLANK)])
    assert "zpool does not work" in still_not.failure
    assert len(still_not.commands) == 2
