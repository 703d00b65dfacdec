from pathlib import Path
from typing import Any

import pytest

from facts.pool_state import PoolState
from facts.zfs import DatasetState, Property, Zfs, ZfsState
from operations.zfs import Dataset, datasets
from tests.unit.operation_harness import Run, Shell, run

GIB = 2**30
ONLINE = PoolState(True, "ONLINE", (), True)


def there(
    mounted: str = "yes",
    owner: tuple[int, int] | None = (0, 0),
    kind: str = "filesystem",
    **properties: tuple[str, str],
) -> DatasetState:
    """A dataset as it is; each property is its value and its source."""
    values = {
        "type": (kind, "-"),
        "canmount": ("on", "default"),
        "mounted": (mounted, "-"),
        "mountpoint": ("/somewhere", "inherited from tank"),
        **properties,
    }
    read = {name: Property(*value) for name, value in values.items()}
    return DatasetState(read, owner if mounted == "yes" else None, 0o755)


ROOT = there(mountpoint=("/tank", "local"))


def apply(*wanted: Dataset, pool: PoolState = ONLINE, **options: Any) -> Run:
    """Runs `datasets` on a pool that has a root dataset and those in `now`."""
    now = {f"tank/{name}": state for name, state in options.pop("now", {}).items()}
    seen = ZfsState(pool, {"tank": ROOT, **now} if pool.health else {})
    return run(datasets, "tank", wanted, facts={Zfs: seen}, **options)


def commands(run: Run) -> list[str]:
    """The script without its functions and its check of the pool."""
    lines = run.lines
    return lines[lines.index("zpool list -H -o name tank >/dev/null") + 1 :]


def test_nothing_to_do_is_one_question() -> None:
    now = {"www": there(owner=(33, 33), quota=("1073741824", "local"), atime=("off", "local"))}
    wanted = Dataset("tank/www", {"quota": GIB, "atime": "off"}, (33, 33))
    done = apply(Dataset("tank"), wanted, now=now)
    assert (done.commands, done.warned, done.said) == ([], [], [])
    assert done.noops == ["2 datasets are as wanted"]
    assert done.asked == [{"pool": "tank", "properties": ["atime", "quota"]}]


def test_parents_are_made_first() -> None:
    child = Dataset("tank/prod/a b", {"quota": GIB, "atime": False}, (1001, 1002))
    done = apply(child, Dataset("tank/prod", {"canmount": "off"}), diff=True)
    assert commands(done) == [
        "zfs create -o canmount=off tank/prod",
        "zfs create -o atime=off -o quota=1073741824 'tank/prod/a b'",
        "own 'tank/prod/a b' 1001:1002",
    ]
    assert done.said == [
        "tank/prod: new dataset (canmount off)",
        "tank/prod/a b: new dataset (atime off, quota 1G, owner 1001:1002)",
    ]


def test_only_what_differs_is_set() -> None:
    now = {"www": there(quota=("1073741824", "local"), recordsize=("131072", "local"))}
    done = apply(Dataset("tank/www", {"quota": 2 * GIB, "recordsize": 131072}), now=now)
    assert commands(done) == ["zfs set quota=2147483648 tank/www"]
    assert done.said == ["tank/www: quota 1G -> 2G"]


@pytest.mark.parametrize("source", ["local", "received"])
def test_what_a_hand_has_set_and_should_be_inherited_is(source: str) -> None:
    now = {"www": there(atime=("on", source), exec=("off", "inherited from tank"))}
    done = apply(Dataset("tank/www", inherited=("atime", "exec")), now=now)
    assert commands(done) == ["zfs inherit atime tank/www"]
    assert done.said == ["tank/www: atime on -> inherited"]


def test_none_is_zero_for_sizes_alone() -> None:
    now = {"www": there(primarycache=("all", "local"), quota=("1024", "local"))}
    done = apply(Dataset("tank/www", {"primarycache": "none", "quota": "none"}), now=now)
    assert commands(done) == ["zfs set primarycache=none quota=0 tank/www"]


@pytest.mark.parametrize("source", ["inherited from tank", "default", "received", "temporary"])
def test_a_value_that_is_not_its_own_is_made_so(source: str) -> None:
    done = apply(Dataset("tank/www", {"atime": "off"}), now={"www": there(atime=("off", source))})
    assert commands(done) == ["zfs set atime=off tank/www"]
    assert done.said == [f"tank/www: atime off ({source}) -> local"]


@pytest.mark.parametrize(
    ("name", "value", "reported", "source"),
    [
        ("quota", 0, "0", "default"),
        ("quota", "none", "0", "default"),
        ("reservation", 5, "5", "local"),
        ("recordsize", "131072", "131072", "local"),
        ("canmount", "on", "on", "default"),
        ("atime", True, "on", "local"),
        ("acltype", "posixacl", "posix", "local"),
        ("mountpoint", "none", "none", "local"),
    ],
)
def test_spellings_that_mean_the_same_change_nothing(
    name: str, value: str | int, reported: str, source: str
) -> None:
    now = {"www": there(**dict[str, Any]({name: (reported, source)}))}
    assert apply(Dataset("tank/www", {name: value}), now=now).commands == []


def test_a_quota_can_be_taken_back() -> None:
    now = {"www": there(quota=("1536", "local"))}
    done = apply(Dataset("tank/www", {"quota": 0}), now=now)
    assert commands(done) == ["zfs set quota=0 tank/www"]
    assert done.said == ["tank/www: quota 1536 -> none"]


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("tank/www", {"quota": "1G"}),
        ("tank/www", {"volsize": GIB}),
        ("tank/www", {"sharenfs": "on"}),
        ("tank/www@snap", {}),
        ("/tank/www", {}),
        ("tank/-f", {}),
        ("tank/a\nb", {}),
    ],
)
def test_what_it_would_not_handle_is_refused_at_once(
    name: str, properties: dict[str, str | int]
) -> None:
    with pytest.raises(ValueError, match="tank"):
        Dataset(name, properties)


def test_what_should_be_mounted_is_mounted() -> None:
    now = {"www": there(mounted="no", owner=None)}
    done = apply(Dataset("tank/www", {}, (33, 33)), now=now)
    assert commands(done) == ["mount_it tank/www", "own tank/www 33:33"]
    assert done.said == ["tank/www: to be mounted at /tank/www"]


@pytest.mark.parametrize(
    ("declared", "properties"),
    [
        ({"canmount": "off"}, {"canmount": ("off", "local")}),
        ({}, {"canmount": ("noauto", "local")}),
        ({"mountpoint": "none"}, {"mountpoint": ("none", "local")}),
        ({}, {"mountpoint": ("legacy", "local")}),
    ],
)
def test_what_should_not_be_mounted_is_not_and_has_no_owner(
    declared: dict[str, str | int], properties: dict[str, Any]
) -> None:
    now = {"www": there(mounted="no", **properties)}
    assert apply(Dataset("tank/www", declared, (33, 33)), now=now).commands == []


def test_a_new_dataset_that_is_not_mounted_has_no_owner() -> None:
    parent, child = Dataset("tank/off", {"mountpoint": "none"}), Dataset("tank/off/a", {}, (33, 33))
    assert commands(apply(parent, child))[1:] == ["zfs create tank/off/a"]
    now = {"off": there(mounted="no", mountpoint=("legacy", "local"))}
    assert commands(apply(child, now=now)) == ["zfs create tank/off/a"]


def test_another_owner_of_a_mounted_root_directory() -> None:
    done = apply(Dataset("tank/www", {}, (33, 34)), now={"www": there(owner=(0, 0))})
    assert commands(done) == ["own tank/www 33:34"]
    assert done.said == ["tank/www: owner 0:0 -> 33:34"]
    assert apply(Dataset("tank/www"), now={"www": there(owner=(7, 7))}).commands == []


def with_programs(directory: Path, mounted: str = "yes", top: str = "tank/www") -> Shell:
    shell = Shell(directory)
    shell.stand_in("zpool")
    answers = f'case "$*" in *" mounted "*) echo {mounted} ;; *) echo "/tank/w w" ;; esac'
    shell.stand_in("zfs", f'[ "$1" != get ] || {{ {answers}; }}')
    shell.stand_in("findmnt", f"[ -n '{top}' ] && echo '{top}'")
    shell.stand_in("chown")
    return shell


def test_the_owner_is_set_on_the_root_directory_alone(tmp_path: Path) -> None:
    shell = with_programs(tmp_path)
    done = apply(Dataset("tank/www", {}, (33, 33)), now={"www": there()})
    assert shell.run(done.script).returncode == 0
    assert shell.calls[-1] == "chown -h -- 33:33 /tank/w w"
    assert shell.calls[-2] == "findmnt -n -f -d backward -o SOURCE -M /tank/w w"


@pytest.mark.parametrize("top", ["", "tank", "tank/www[/sub]", "/dev/vda1"])
def test_the_owner_of_a_bare_directory_is_never_changed(tmp_path: Path, top: str) -> None:
    shell = with_programs(tmp_path, top=top)
    done = apply(Dataset("tank/www", {}, (33, 33)), now={"www": there()})
    result = shell.run(done.script)
    assert result.returncode == 1
    assert "not mounted at /tank/w w" in result.stderr
    assert not [call for call in shell.calls if call.startswith("chown")]


@pytest.mark.parametrize(("mounted", "mounts"), [("yes", False), ("no", True)])
def test_what_came_up_by_itself_is_not_mounted_again(
    tmp_path: Path, mounted: str, mounts: bool
) -> None:
    shell = with_programs(tmp_path, mounted)
    done = apply(Dataset("tank/www"), now={"www": there(mounted="no")})
    assert shell.run(done.script).returncode == 0
    assert ("zfs mount tank/www" in shell.calls) is mounts


def test_it_stops_at_the_first_command_that_fails(tmp_path: Path) -> None:
    shell = with_programs(tmp_path)
    shell.stand_in("zfs", '[ "$2" != tank/a ]')
    assert shell.run(apply(Dataset("tank/a"), Dataset("tank/b")).script).returncode == 1
    assert shell.calls == ["zpool list -H -o name tank", "zfs create tank/a"]


def test_a_pool_that_is_not_there_is_not_one_without_datasets(tmp_path: Path) -> None:
    done = apply(Dataset("tank", {"atime": "off"}), Dataset("tank/www"), pool=PoolState())
    assert done.said == ["tank: atime - -> off", "tank/www: new dataset"]
    shell = with_programs(tmp_path)
    shell.stand_in("zpool", "exit 1")
    assert shell.run(done.script).returncode == 1
    assert shell.calls == ["zpool list -H -o name tank"]


def test_what_is_not_declared_is_warned_about_and_left_alone() -> None:
    now = {"old": there(), "old/a": there(), "backup": there(), "backup/x": there()}
    done = apply(Dataset("tank/www"), now=now, undeclared=["tank/backup"], executing=False)
    assert done.warned == ["tank: not declared, left alone: tank/old, tank/old/a"]
    assert commands(done) == ["zfs create tank/www"]


def test_a_dry_run_shows_everything_though_it_stops_at_the_first_command() -> None:
    wanted = [Dataset("tank/www"), Dataset("tank/old", {"atime": "off"})]
    done = apply(*wanted, now={"old": there(atime=("on", "default"))}, executing=False, diff=True)
    assert done.said == ["tank/old: atime on -> off", "tank/www: new dataset"]


@pytest.mark.parametrize(
    ("wanted", "now", "reason"),
    [
        ([Dataset("tank/a"), Dataset("tank/a")], {}, "tank/a: declared twice"),
        ([Dataset("other/a")], {}, "other/a: not in the pool tank"),
        ([Dataset("tank/no/a")], {}, "tank/no/a: its parent is not there; declare that too"),
        ([Dataset("tank/a")], {"a": there(kind="volume")}, "tank/a: is a volume"),
        (
            [Dataset("tank/a", {"utf8only": "on"})],
            {"a": there(utf8only=("off", "-"))},
            "tank/a: utf8only is off and cannot be changed any more",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_changes(
    wanted: list[Dataset], now: dict[str, DatasetState], reason: str
) -> None:
    done = apply(Dataset("tank/new"), *wanted, now=now)
    assert len(done.commands) == 1
    assert reason in done.failure


def test_datasets_that_could_not_be_read_are_not_taken_for_absent() -> None:
    done = run(datasets, "tank", [Dataset("tank/a")], facts={Zfs: ZfsState(ONLINE)})
    assert "its datasets cannot be read" in done.failure


@pytest.mark.parametrize("executing", [True, False])
def test_an_owner_that_may_own_files_in_it_is_not_changed(executing: bool) -> None:
    """After an edit of the uid in the data, nobody could use the files that are there."""
    wanted = [Dataset("tank/www", {}, (33, 33)), Dataset("tank/new")]
    done = apply(*wanted, now={"www": there(owner=(44, 33))}, executing=executing)
    assert "tank/www: its root directory belongs to 44:33, not to 33:33" in done.failure
    assert len(done.commands) == 1


def test_a_dataset_that_was_moved_in_the_data_is_not_begun_anew() -> None:
    now = {"prod": there(), "staging": there(), "prod/www": there(owner=(33, 33))}
    parents = [Dataset("tank/prod"), Dataset("tank/staging")]
    moved, renamed = (
        Dataset("tank/staging/www", {}, (34, 34)),
        Dataset("tank/prod/w3", {}, (33, 33)),
    )
    for dataset in (moved, renamed):
        done = apply(*parents, dataset, now=now)
        assert f"zfs rename tank/prod/www {dataset.name}" in done.failure
        assert len(done.commands) == 1
        both = [*parents, dataset, Dataset("tank/prod/www")]
        made = f"zfs create {dataset.name}"
        assert commands(apply(*both, now=now))[0] == made
        assert commands(apply(*parents, dataset, now=now, undeclared=["tank/prod/www"]))[0] == made
