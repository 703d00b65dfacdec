"""The nightly program starts again what it stops, and begins nothing anew that it cannot read."""

import json
import os
import subprocess
from datetime import UTC, datetime
from errno import EDQUOT
from fcntl import LOCK_EX, flock
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from fleet import ROOT
from programs import backup
from programs.backup import Settings, command, look, mounts, places, quiesce, sets
from programs.backup import main as program
from programs.backup.command import Failed
from programs.backup.sets import Sets
from programs.backup.store import FLAGS, NO_LINKS, opened
from programs.shared import whole
from tests.unit.exposition import documented, read
from tests.unit.operation_harness import Shell

PARTS = [
    import_module(f"programs.backup.{it.name}")
    for it in iter_modules(backup.__path__)
    if it.name != "__main__"
]
NOW = 1_800_000_000
# Stands in for borg. `list` answers the names of sets; a repository is a directory with a config.
BORG = """\
case "$*" in
  init*) for last; do :; done; mkdir -p "$last"; touch "$last/config" ;;
  rename*) for last; do :; done; echo "$last" >> "$SETS" ;;
  list*) cat "$SETS" ;;
  check*) [ ! -e "$DAMAGED" ] || { echo Integrity check failed; exit 1; } ;;
  delete*) [ ! -s "$FULL" ] || { sed -i 1d "$FULL"; echo Disk quota exceeded >&2; exit 2; } ;;
  create*) [ ! -e "$BROKEN" ] || { echo changed meanwhile >&2; exit 1; } ;;
esac
"""
# Stands in for systemd. $UNITS has a file for each unit that is stopped; its started-UNIT tells the
# last start of a unit.
SYSTEMCTL = """\
for last; do :; done
case "$*" in
  *"-p Id "*) echo "$last" ;;
  *LoadState*typo*) echo not-found ;;
  *LoadState*) echo loaded ;;
  *ActiveState*off*|*ActiveState*idle*) echo inactive ;;
  *ActiveState*crashed*) echo failed ;;
  *ActiveState*) if [ -e "$UNITS/$last" ]; then echo inactive; else echo active; fi ;;
  *RequiredBy*database*) echo on.service off.service ;;
  *RequiredBy*network*) echo ssh.service ;;
  *TriggeredBy*woken.service) echo woken.socket ;;
  *Triggers*retry.timer) echo retry.service ;;
  *InactiveExit*) cat "$UNITS/started-$last" 2> /dev/null || echo 7 ;;
  stop*) for each; do touch "$UNITS/$each"; done ;;
  start*) rm -f "$UNITS/$last"; case "$*" in *broken*) echo it does not start >&2; exit 1 ;; esac ;;
esac
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts the program's directories below a directory of the test."""
    for part in PARTS:
        for name, old in vars(part).copy().items():
            if isinstance(old, Path):
                new = tmp_path / "root" / old.relative_to("/")
                new.parent.mkdir(parents=True, exist_ok=True)
                monkeypatch.setattr(part, name, new)
    sets.BOOT.write_text("first")
    for each in (places.STORE, places.PLAIN, places.ROOT):
        each.mkdir(parents=True, exist_ok=True)
    return tmp_path


@pytest.fixture
def shell(here: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell(here)
    for name in ("mount", "umount", "zfs", "lvcreate", "lvremove"):
        shell.stand_in(name)
    shell.stand_in(
        "setpriv", f"touch {here}/mounted; while [ -e {here}/mounted ]; do sleep 0.01; done"
    )
    shell.stand_in("fusermount3", f"rm {here}/mounted")
    monkeypatch.setattr(Path, "is_mount", lambda path: (here / "mounted").exists())
    shell.stand_in("lvs", "cat $LEFT")
    shell.stand_in("borg", BORG)
    shell.stand_in("systemctl", SYSTEMCTL)
    (here / "UNITS").mkdir()
    monkeypatch.setenv("PATH", shell.path)
    for name in ("SETS", "LEFT"):
        (here / name).touch()
        monkeypatch.setenv(name, str(here / name))
    for name in ("BROKEN", "DAMAGED", "FULL", "UNITS"):
        monkeypatch.setenv(name, str(here / name))
    mounted(LVM)
    return shell


def mounted(*others: str, root: str = "/") -> None:
    """Mounts others besides /, and the store, which the program has mounted.

    others: path - type source
    """
    found = ["/ - ext4 /dev/sda1", "/proc - proc proc", f"{places.STORE} - nfs4 provider:/export"]
    lines = [
        f"{30 + number} 1 {8 if what.startswith(('ext4', 'xfs')) else 0}:{number} "
        f"{root if number > 2 else '/'} {at} rw,relatime shared:1 - {what} rw"
        for number, (at, _, what) in enumerate(it.partition(" - ") for it in [*found, *others])
    ]
    mounts.TABLE.parent.mkdir(parents=True, exist_ok=True)
    mounts.TABLE.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


ZFS = "/srv - zfs tank/srv"
LVM = "/srv - xfs /dev/vg0/srv"


@pytest.fixture
def settings(here: Path) -> Settings:
    return {
        "store": "provider:/export",
        "name": "web1",
        "directories": ["/srv"],
        "source": {"quiesce": []},
        "starters": [],
        "kept_running": ["ssh.*"],
        "config": "/etc/conf",
        "password": "/etc/password",
        "state": str(here),
        "keep": 14,
        "check": 900,
        "max_age": 26 * 3600,
        "metrics": str(here / "coop-backup.prom"),
    }


def ready(name: str = "srv") -> None:
    """Makes the directory that is copied: the stand-in of mount does not bring it."""
    (places.ROOT / name).mkdir(parents=True)


def borg(shell: Shell) -> list[str]:
    return [call.removeprefix("borg ") for call in shell.calls if call.startswith("borg ")]


def test_a_night_makes_a_set_that_has_its_name_once_it_is_whole(
    shell: Shell, settings: Settings
) -> None:
    ready()
    assert program.main(settings, ["night"]) == 0
    init, size, unlock, create, rename, delete, prune, compact, listed, check = borg(shell)
    assert init.startswith("init --encryption=none") and unlock == "break-lock"
    assert size.endswith("sets.new max_segment_size 33554432")
    own = f"{settings['state']}/.cache".lstrip("/")
    assert create.startswith(f"create --one-file-system --exclude=pp:{own} -- ::unfinished-20")
    assert rename.startswith("rename ::unfinished-20") and " night-20" in rename
    time = "????-??-??T??:??:??Z"
    assert delete == f"delete --glob-archives=unfinished-{time}*"
    assert prune == f"prune --glob-archives=night-{time} --keep-daily=14"
    assert compact == "compact"
    # Without a lock, which borg cannot make in a full store.
    assert "--bypass-lock" in listed
    assert check == "check --repository-only --max-duration=900"
    assert json.loads(Path(settings["state"], "last.json").read_text())["sets"] == 1
    assert (Path(settings["state"]) / "had-sets").exists()


def test_a_file_that_could_not_be_read_makes_no_set(
    shell: Shell, settings: Settings, here: Path
) -> None:
    ready()
    (here / "BROKEN").touch()
    with pytest.raises(Failed, match="changed meanwhile"):
        program.main(settings, ["night"])
    assert not [call for call in borg(shell) if call.startswith("rename")]
    # In a full store the part of this set would take the room of the next set.
    assert [call.split()[0] for call in borg(shell)[-4:]] == [
        "break-lock",
        "delete",
        "prune",
        "compact",
    ]


@pytest.mark.parametrize(("tries", "has"), [(3, True), (9, False)])
def test_a_store_may_have_the_room_of_what_was_removed_later(
    shell: Shell,
    settings: Settings,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    tries: int,
    has: bool,
) -> None:
    monkeypatch.setattr(command, "TRIES", 4)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    ready()
    (here / "BROKEN").touch()
    (here / "FULL").write_text("x\n" * tries)
    with pytest.raises(Failed, match="changed meanwhile"):
        program.main(settings, ["night"])
    assert ("prune" in borg(shell)[-2]) == has
    assert ("what it has left is still there" in capsys.readouterr().err) == (not has)


def test_a_store_that_is_full_has_room_to_be_made_emptier(
    shell: Shell, settings: Settings, here: Path
) -> None:
    ready()
    full = f'[ ! -e {places.ROOM} ] || {{ case "$1" in delete|create) exit 2 ;; esac; }}\n'
    shell.stand_in("borg", full + BORG)
    with pytest.raises(Failed, match="borg create"):
        program.main(settings, ["night"])
    assert borg(shell)[-1] == "compact"
    assert places.ROOM.stat().st_size == sets.ROOM_BYTES


def test_a_store_that_is_full_may_refuse_to_remove_for_a_while(
    shell: Shell, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready()
    segment = places.REPOSITORY / "data/0/15"
    segment.parent.mkdir(parents=True)
    for name in ("config", "index.13"):
        (places.REPOSITORY / name).touch()
    # What cannot be read, like a block of gocryptfs that was written in part.
    torn = f'case "$1" in create) ln -s /proc/self/mem {segment}; exit 2 ;; esac\n'
    shell.stand_in("borg", torn + BORG)
    refused, unlink = [OSError(EDQUOT, "Disk quota exceeded")] * 3, Path.unlink

    def refuse(path: Path, **options: Any) -> None:
        if path == segment and refused:
            raise refused.pop()
        unlink(path, **options)

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(Failed, match="borg create"):
        program.main(settings, ["night"])
    assert not segment.is_symlink()
    assert borg(shell)[-1] == "compact"


def test_a_set_that_is_not_kept_is_told(
    shell: Shell, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This happens when enough sets are from the future."""
    ready()
    shell.stand_in("borg", BORG.replace("rename*)", "renamed)"))
    with pytest.raises(Failed, match="was not kept"):
        program.main(settings, ["night"])


def test_damage_is_told_until_somebody_has_put_it_right(
    shell: Shell, settings: Settings, here: Path, capsys: Any
) -> None:
    ready()
    (here / "DAMAGED").touch()
    with pytest.raises(Failed, match="Integrity check failed"):
        program.main(settings, ["night"])
    (here / "DAMAGED").unlink()
    program.main(settings, ["night"])
    capsys.readouterr()
    status, found = said(settings, capsys)
    assert status == 1
    assert found["problems"][0].startswith("the store is damaged: borg check")
    (here / "damage").unlink()
    assert said(settings, capsys)[0] == 0


@pytest.mark.parametrize(
    ("source", "at"),
    [({"quiesce": []}, LVM), ({"lvm": "vg0/srv"}, LVM), ({"zfs": "tank/srv"}, ZFS)],
)
def test_a_file_system_of_its_own_is_not_left_out_in_silence(
    shell: Shell, settings: Settings, source: dict[str, Any], at: str
) -> None:
    ready()
    mounted(at, "/srv/data - ext4 /dev/sdb1")
    with pytest.raises(Failed, match="/srv/data in /srv is a file system of its own"):
        program.main({**settings, "source": source}, ["night"])
    assert not [call for call in borg(shell) if call.startswith("create")]


def test_a_file_system_of_its_own_is_copied_where_it_is_named(
    shell: Shell, settings: Settings
) -> None:
    ready("srv/data")
    mounted(LVM, "/srv/data - ext4 /dev/sdb1")
    settings["directories"] = ["/srv", "/srv/data"]
    assert program.main(settings, ["night"]) == 0
    with pytest.raises(
        Failed, match=r"/srv/data is not on what is mounted at /srv, .*, but at /srv/data"
    ):
        program.main({**settings, "source": {"lvm": "vg0/srv"}}, ["night"])


SOURCES = [({"lvm": "vg0/srv"}, LVM), ({"zfs": "tank/srv"}, ZFS)]


@pytest.mark.parametrize(("source", "at"), SOURCES)
def test_the_kernel_says_where_the_source_is_mounted(
    shell: Shell, settings: Settings, source: dict[str, Any], at: str
) -> None:
    """Not the property of a dataset, which may say legacy, or /etc/fstab."""
    ready()
    settings["source"] = source
    mounted("/elsewhere" + at.removeprefix("/srv"), at)
    assert program.main(settings, ["night"]) == 0
    shell.log.write_text("")
    for others in ([], ["/srv - ext4 /dev/sdb1"]):
        mounted(*others)
        name = next(iter(source.values()))
        with pytest.raises(Failed, match=f"{name}, of which .* is not mounted: mount it, or say"):
            program.main(settings, ["night"])
    mounted(at, root="/part")
    with pytest.raises(Failed, match=f"{name}: only its /part is mounted, at /srv: mount all"):
        program.main(settings, ["night"])
    assert not [call for call in shell.calls if call.startswith(("lvcreate", "zfs snapshot"))]


@pytest.mark.parametrize(("source", "at"), SOURCES)
def test_a_path_may_have_any_name(
    shell: Shell, settings: Settings, source: dict[str, Any], at: str
) -> None:
    settings["source"] = source
    mounted(at.replace("/srv ", r"/srv/data\0401\134 "))
    said = r"/srv is not on what is mounted at /srv/data 1\\, .*, but at /:"
    with pytest.raises(Failed, match=said):
        program.main(settings, ["night"])
    ready("srv/data 1\\")
    settings["directories"] = ["/srv/data 1\\"]
    assert program.main(settings, ["night"]) == 0


def test_a_path_that_is_no_text_is_one_as_well(shell: Shell, settings: Settings) -> None:
    ready()
    with mounts.TABLE.open("ab") as table:
        table.write(b"70 1 0:70 / /home/x/\xff\r rw - fuse.sshfs x: rw,user_id=0,group_id=0\n")
    assert program.main(settings, ["night"]) == 0
    with pytest.raises(Failed, match="is a file system of its own"):
        program.main({**settings, "directories": ["/home"]}, ["night"])


@pytest.mark.parametrize("kind", ["fuse.sshfs", "fuse.fuse-overlayfs", "fuse"])
def test_what_a_person_mounts_by_fuse_is_left_out_and_told(
    shell: Shell, settings: Settings, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    ready()
    with mounts.TABLE.open("ab") as table:
        table.write(f"70 1 0:70 / /home/x/\udcff rw - {kind} x: rw,user_id=1000,group_id=1000\n"
                    .encode(errors="surrogateescape"))  # fmt: skip
    settings["directories"] = ["/home"]
    settings["source"] = {"quiesce": []}
    assert program.main(settings, ["night"]) == 0
    assert "left out: '/home/x/\\udcff', which uid 1000 has mounted" in capsys.readouterr().err


@pytest.mark.parametrize("source", [{"quiesce": []}, {"zfs": "tank/srv"}])
def test_what_passes_by_itself_is_nobodys_file_system(
    shell: Shell, settings: Settings, source: dict[str, Any]
) -> None:
    ready()
    settings["source"] = source
    snapshot = "zfs tank/srv@autosnap_2023-01-12_10:00:15_hourly"
    mounted(ZFS, f"/srv/.zfs/snapshot/autosnap - {snapshot}", "/srv/tmp - tmpfs tmpfs")
    assert program.main(settings, ["night"]) == 0
    # Somebody has mounted this one, and it stays.
    mounted(ZFS, f"/srv/old - {snapshot}")
    with pytest.raises(Failed, match="/srv/old in /srv is a file system of its own"):
        program.main(settings, ["night"])


def test_at_each_path_the_last_mount_counts(shell: Shell, settings: Settings) -> None:
    ready()
    mounted("/srv - ext4 /dev/sdb2", LVM)
    assert program.main({**settings, "source": {"lvm": "vg0/srv"}}, ["night"]) == 0


def test_a_device_is_its_number_by_whatever_name(
    shell: Shell, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready()
    numbers = {"/dev/vg0/srv": "8:3", "/dev/mapper/vg0-srv": "254:9"}
    monkeypatch.setattr(mounts, "_number", lambda device: numbers.get(str(device)))
    settings["source"] = {"lvm": "vg0/srv"}
    for name in ("vg0-old", "vg0-srv", "dm-7"):
        mounted(f"/srv - ext4 /dev/mapper/{name}")
        assert program.main(settings, ["night"]) == 0
    # btrfs has no number of a device.
    numbers["/dev/vg0/srv"] = "254:9"
    mounted("/srv - btrfs /dev/mapper/vg0-srv")
    assert program.main(settings, ["night"]) == 0
    # Another volume has had this name since it was mounted.
    mounted("/srv - ext4 /dev/mapper/vg0-srv")
    with pytest.raises(Failed, match="is not mounted"):
        program.main(settings, ["night"])


def test_a_directory_that_is_a_link_is_where_the_link_leads(
    shell: Shell, settings: Settings, here: Path
) -> None:
    ready()
    (here / "link").symlink_to("/srv")
    mounted(LVM, "/srv/data - ext4 /dev/sdb1")
    with pytest.raises(Failed, match="/srv/data in /srv is a file system of its own"):
        program.main({**settings, "directories": [str(here / "link")]}, ["night"])


def test_the_kernel_tells_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "TABLE", Path("/proc/self/mountinfo"))
    (proc,) = (it for it in mounts.mounts() if it.at == Path("/proc"))
    assert (proc.kind, proc.root, proc.is_passing) == ("proc", "/", True)


def test_of_an_error_the_cause_is_said() -> None:
    text = "Local Exception\nTraceback (most recent call last):\n  File x\nOSError: no room\n"
    assert (
        command.in_short(f"{text}\nPlatform: Linux\nmore\n") == "Local Exception\nOSError: no room"
    )
    many = "\n".join(f"{number}: changed" for number in range(9))
    assert command.in_short(many) == "0: changed\n1: changed\n2: changed\n8: changed"


def test_a_store_that_is_not_decrypted_is_left_alone(shell: Shell, settings: Settings) -> None:
    ready()
    shell.stand_in("setpriv", "exit 12")
    with pytest.raises(Failed, match="gocryptfs does not decrypt provider:/export: exit 12"):
        program.main(settings, ["night"])
    assert not borg(shell)


@pytest.mark.parametrize("answer", ["link", "file"])
def test_a_store_leads_no_set_onto_the_hosts_own_disk(
    shell: Shell, settings: Settings, here: Path, answer: str
) -> None:
    local, name = here / "local", places.STORE / "web1"
    local.mkdir()
    if answer == "link":
        name.symlink_to(local)
    else:
        name.touch()
    with (
        pytest.raises(Failed, match=r"web1 in provider:/export is no directory, but a link or a"),
        opened(settings),
    ):
        pass
    assert not any(call.startswith("setpriv") for call in shell.calls)
    assert list(local.iterdir()) == []


def test_no_link_in_the_store_leads_anywhere_before_anything_is_opened(
    shell: Shell, settings: Settings
) -> None:
    with opened(settings):
        pass
    _, nfs, remount, *others = [it for it in shell.calls if it.startswith(("mount", "setpriv"))]
    assert nfs.startswith("mount -t nfs ")
    assert remount == f"mount -o {NO_LINKS} {places.STORE}"
    assert others[0].startswith("setpriv")


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts")
def test_a_mount_that_follows_no_link_keeps_its_other_flags(tmp_path: Path) -> None:
    script = (
        f"set -e; cd {tmp_path}; mkdir m other; mount -t tmpfs -o {FLAGS} none m; "
        f"ln -s ../other m/l; ls m/l/; mount -o {NO_LINKS} m; findmnt -n -o OPTIONS -M $PWD/m; "
        "ls m/l/ || echo refused"
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=True
    )
    options, refused = done.stdout.splitlines()
    assert {*FLAGS.split(","), "nosymfollow"} <= {*options.split(",")}
    assert refused == "refused"


def test_what_was_stopped_is_started_whatever_happens(
    shell: Shell, settings: Settings, here: Path
) -> None:
    ready()
    settings["source"] = {"quiesce": ["on.service", "off.service", "crashed.service"]}
    (here / "BROKEN").touch()
    with pytest.raises(Failed):
        program.main(settings, ["night"])
    calls = [call for call in shell.calls if "systemctl st" in call or "create" in call]
    assert [call.split(" --")[0] for call in calls] == [
        "systemctl stop on.service",
        "borg create",
        "systemctl start on.service",
    ]
    assert not quiesce.STOPPED.exists()


def test_what_a_night_that_was_killed_has_stopped_is_started(
    shell: Shell, settings: Settings
) -> None:
    quiesce.STOPPED.write_text("on.service")
    assert program.main(settings, ["tidy"]) == 0
    assert shell.calls == ["systemctl start on.service"]
    assert not quiesce.STOPPED.exists()


def test_what_ends_with_a_unit_is_started_with_it(shell: Shell, settings: Settings) -> None:
    ready()
    settings["source"] = {"quiesce": ["database.service"]}
    program.main(settings, ["night"])
    calls = [call for call in shell.calls if "systemctl st" in call]
    assert calls == [
        "systemctl stop database.service on.service",
        "systemctl start database.service",
        "systemctl start on.service",
    ]


def stops(shell: Shell) -> list[str]:
    calls = [call for call in shell.calls if "systemctl st" in call or "borg create" in call]
    return [call.removeprefix("systemctl ").split(" --")[0] for call in calls]


def test_what_would_start_a_unit_again_stops_first_and_starts_last(
    shell: Shell, settings: Settings
) -> None:
    """Also of a unit that does not run now, and of one that only ends with a unit."""
    ready()
    settings["source"] = {"quiesce": ["database.service", "woken.service"]}
    settings["starters"] = ["retry.timer"]
    lazy = 'case "$*" in *TriggeredBy*off.service) echo lazy.timer; exit ;; esac\n'
    shell.stand_in("systemctl", lazy + SYSTEMCTL)
    assert program.main(settings, ["night"]) == 0
    assert stops(shell) == [
        "stop lazy.timer woken.socket retry.timer retry.service",
        "stop database.service on.service woken.service",
        "borg create",
        "start database.service",
        "start on.service",
        "start woken.service",
        "start lazy.timer",
        "start woken.socket",
        "start retry.timer",
    ]


def test_nothing_is_stopped_that_could_not_start_what_is_quiet(
    shell: Shell, settings: Settings
) -> None:
    ready()
    settings["starters"] = ["retry.timer"]
    assert program.main(settings, ["night"]) == 0
    assert stops(shell) == ["borg create"]


def test_what_a_trigger_has_started_in_the_last_moment_stops_too(
    shell: Shell, settings: Settings, here: Path
) -> None:
    ready()
    settings["source"] = {"quiesce": ["woken.service"]}
    (here / "UNITS/woken.service").touch()
    late = 'case "$*" in stop*woken.socket*) rm -f "$UNITS/woken.service" ;; esac\n'
    shell.stand_in("systemctl", late + SYSTEMCTL)
    assert program.main(settings, ["night"]) == 0
    assert stops(shell)[:3] == ["stop woken.socket", "stop woken.service", "borg create"]


@pytest.mark.parametrize(
    "meanwhile",
    ['rm -f "$UNITS/on.service"', 'echo 8 > "$UNITS/started-on.service"'],
    ids=["runs again", "has run and ended"],
)
def test_a_set_during_which_a_stopped_unit_ran_is_none(
    shell: Shell, settings: Settings, meanwhile: str
) -> None:
    ready()
    settings["source"] = {"quiesce": ["on.service"]}
    shell.stand_in("borg", f'case "$1" in create) {meanwhile} ;; esac\n{BORG}')
    with pytest.raises(Failed, match=r"on\.service: started again after the stop"):
        program.main(settings, ["night"])
    assert not [call for call in borg(shell) if call.startswith("rename")]
    assert stops(shell)[-1] == "start on.service"


def test_a_unit_of_which_systemd_has_forgotten_the_times_has_not_run(
    shell: Shell, settings: Settings
) -> None:
    ready()
    settings["source"] = {"quiesce": ["on.service"]}
    forget = 'echo 0 > "$UNITS/started-on.service"'
    shell.stand_in("borg", f'case "$1" in create) {forget} ;; esac\n{BORG}')
    assert program.main(settings, ["night"]) == 0


def test_a_unit_that_does_not_stay_stopped_makes_no_set(shell: Shell, settings: Settings) -> None:
    ready()
    settings["source"] = {"quiesce": ["on.service"]}
    shell.stand_in("systemctl", f'case "$1" in stop) exit 0 ;; esac\n{SYSTEMCTL}')
    with pytest.raises(Failed, match="not of one moment"):
        program.main(settings, ["night"])
    assert not [call for call in borg(shell) if call.startswith("create")]


def test_what_would_stop_what_has_to_run_is_not_stopped(shell: Shell, settings: Settings) -> None:
    settings["source"] = {"quiesce": ["network-dispatcher.service"]}
    with pytest.raises(Failed, match=r"network-dispatcher\.service would stop ssh\.service"):
        program.main(settings, ["night"])
    assert stops(shell) == []


def test_a_unit_that_does_not_start_is_told_and_hinders_nothing(
    shell: Shell, settings: Settings
) -> None:
    ready()
    settings["source"] = {"quiesce": ["broken.service", "on.service"]}
    for _ in range(2):
        with pytest.raises(Failed, match=r"systemctl start broken\.service: exit 1: it does not"):
            program.main(settings, ["night"])
        assert shell.calls.count("systemctl start on.service") == 1
        assert [call for call in borg(shell) if call.startswith("rename")]
        # The set is whole: the night goes on.
        assert [call.split()[0] for call in borg(shell)][-1] == "check"
        assert json.loads(Path(settings["state"], "last.json").read_text())["sets"] > 0
        assert not quiesce.STOPPED.exists()
        shell.log.write_text("")


def test_a_unit_that_is_not_there_is_no_way_to_keep_files_still(
    shell: Shell, settings: Settings
) -> None:
    settings["source"] = {"quiesce": ["typo.service"]}
    with pytest.raises(Failed, match=r"not on this host: typo\.service"):
        program.main(settings, ["night"])


def test_a_directory_that_is_not_in_the_snapshot_makes_no_set(
    shell: Shell, settings: Settings
) -> None:
    settings["source"] = {"lvm": "vg0/srv"}
    with pytest.raises(Failed, match="not in what is copied: /srv/new"):
        program.main({**settings, "directories": ["/srv", "/srv/new"]}, ["night"])


def test_a_snapshot_of_lvm_is_taken_and_ended(shell: Shell, settings: Settings, here: Path) -> None:
    settings["source"] = {"lvm": "vg0/srv"}
    (here / "LEFT").write_text("  coop-backup\n  other\n")
    program.main(settings, ["night"])
    calls = [call for call in shell.calls if call.startswith(("lv", "mount -o ro", "umount"))]
    # The program removes nothing else that lvs lists.
    mine = "lv_name=coop-backup && lv_tags={coop-backup} && origin=srv"
    remove = [f"lvs --noheadings -o lv_name -S {mine} vg0"]
    remove += ["lvremove --quiet --yes vg0/coop-backup"]
    assert calls == [
        *remove,
        "lvcreate --quiet --snapshot --extents 100%FREE --addtag coop-backup --name coop-backup "
        "vg0/srv",
        f"mount -o ro,nouuid /dev/vg0/coop-backup {places.ROOT}/srv",
        f"umount {places.ROOT}/srv",
        *remove,
    ]


def test_only_the_snapshot_of_its_own_name_is_destroyed(shell: Shell, settings: Settings) -> None:
    settings["source"] = {"zfs": "tank/srv"}
    program.main(settings, ["tidy"])
    assert not [call for call in shell.calls if "destroy" in call]
    shell.stand_in("zfs", "printf '%s\\n' tank/srv@daily tank/srv@coop-backup")
    program.main(settings, ["tidy"])
    assert [call for call in shell.calls if "destroy" in call] == [
        "zfs destroy tank/srv@coop-backup"
    ]


def test_sets_that_are_gone_are_not_begun_anew(
    shell: Shell, settings: Settings, here: Path
) -> None:
    (here / "had-sets").touch()
    with pytest.raises(Failed, match="are gone"):
        program.main(settings, ["night"])
    assert borg(shell) == []


@pytest.mark.parametrize("place", ["STORE", "PLAIN"])
def test_what_the_key_does_not_open_is_left_alone(
    shell: Shell, settings: Settings, place: str
) -> None:
    directory: Path = getattr(places, place)
    (directory / "something").touch()
    with pytest.raises(Failed, match="its key does not open"):
        Sets(settings, places.STORE).prepare()
    assert borg(shell) == []


def test_a_beginning_that_was_cut_off_is_begun_again(shell: Shell, settings: Settings) -> None:
    (places.PLAIN / "sets.new").mkdir()
    (places.STORE / "its-encrypted-name").mkdir()
    Sets(settings, places.STORE).prepare()
    assert (places.REPOSITORY / "config").exists()


def test_what_was_not_written_to_its_end_does_not_keep_the_sets_from_being_read(
    shell: Shell, settings: Settings
) -> None:
    segments = places.REPOSITORY / "data/0"
    segments.mkdir(parents=True)
    for name in ("config", "index.13", "data/0/14"):
        (places.REPOSITORY / name).touch()
    for name in ("12", "15"):
        # Cannot be read, like a block of gocryptfs that was written in part.
        (segments / name).symlink_to("/proc/self/mem")
    program.main(settings, ["run", "true"])
    # The program does not take away what is damaged in another way.
    assert {it.name for it in segments.iterdir()} == {"12", "14"}


def test_what_borg_remembers_is_of_use_until_the_next_boot(
    shell: Shell, settings: Settings
) -> None:
    ready()
    kept = Path(settings["state"], ".cache/borg/config")
    kept.parent.mkdir(parents=True)
    for boot, there in (("first", False), ("first", True), ("second", False)):
        sets.BOOT.write_text(boot)
        assert program.main(settings, ["night"]) == 0
        assert kept.exists() == there
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.touch()


def test_only_one_is_at_work(
    shell: Shell, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "LOCK_SECONDS", 1)
    with program.LOCK.open("w") as lock:
        flock(lock, LOCK_EX)
        quiesce.STOPPED.write_text("on.service")
        with pytest.raises(Failed, match="another one is at work"):
            program.main(settings, ["night"])
        # The program at work has stopped the unit, and needs it stopped.
        assert program.main(settings, ["tidy"]) == 0
        program.main(settings, ["look"])
        assert shell.calls == []


@pytest.mark.parametrize("words", [["look"], ["run", "true"]])
def test_whoever_had_the_lock_when_a_night_was_ended_starts_what_it_had_stopped(
    shell: Shell, settings: Settings, words: list[str]
) -> None:
    ready()
    quiesce.STOPPED.write_text("on.service")
    program.main(settings, words)
    assert shell.calls.count("systemctl start on.service") == 1
    assert not quiesce.STOPPED.exists()


def test_nobody_but_root_can_take_the_lock(shell: Shell, settings: Settings) -> None:
    """Whoever may read a file may lock it: flock(2)."""
    program.main(settings, ["look"])
    assert program.LOCK.stat().st_mode & 0o077 == 0


def test_a_night_waits_for_whoever_looks(shell: Shell, settings: Settings) -> None:
    ready()
    with program.LOCK.open("w") as lock:
        flock(lock, LOCK_EX)
        # Not a thread: with gevent, Python may wait for a thread at exit for ever.
        looks = subprocess.Popen(["sleep", "1"], pass_fds=[lock.fileno()])
    with looks:
        assert program.main(settings, ["night"]) == 0
        assert looks.poll() == 0


def test_what_is_asked_for_is_one_of_four(shell: Shell, settings: Settings) -> None:
    for words in ([], ["run"], ["nights"], ["night", "x"]):
        with pytest.raises(Failed, match="say night"):
            program.main(settings, words)


def test_a_command_runs_with_the_sets_at_hand(shell: Shell, settings: Settings) -> None:
    check = f'test "$BORG_REPO" = {places.REPOSITORY} && exit 3'
    assert program.main(settings, ["run", "sh", "-c", check]) == 3
    assert shell.calls[-1].startswith("fusermount3 -u")


def said(
    settings: Settings, capsys: pytest.CaptureFixture[str], *flags: str
) -> tuple[int, dict[str, Any]]:
    status = program.main(settings, ["look", *flags])
    return status, json.loads(capsys.readouterr().out)


def name_of(at: int) -> str:
    return sets.SET + datetime.fromtimestamp(at, UTC).strftime(sets.TIME)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: float(NOW))


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("ages", "problems"),
    [
        ([3600, 60], {}),
        ([26 * 3600], {}),
        ([26 * 3600 + 1], {"old": "the newest set is 93601 s old, and may be 93600"}),
        ([], {"missing": "there is no set"}),
        (
            [-600],
            {"ahead": "the newest set is from 600 s ahead: was the clock wrong, or is it now?"},
        ),
    ],
)
def test_how_old_the_newest_set_is(
    shell: Shell, settings: Settings, capsys: Any, ages: list[int], problems: dict[str, str]
) -> None:
    sets = "".join(f"{name_of(NOW - age)}\n" for age in ages)
    Path(settings["state"], "SETS").write_text(sets)
    status, found = said(settings, capsys, "--write")
    assert (status, found["problems"]) == (len(problems), [*problems.values()])
    newest = NOW - min(ages) if ages else 0
    assert (found["sets"], found["newest"]) == (len(ages), newest)
    assert metrics(settings) == {
        "coop_set_newest_timestamp_seconds": {(): newest},
        "coop_set_kept": {(): len(ages)},
        "coop_set_problem": wrong(*problems),
        "coop_set_status_timestamp_seconds": {(): NOW},
    }


def metrics(settings: Settings) -> dict[str, Any]:
    """The metrics that the last look has written."""
    return read(Path(settings["metrics"]).read_text())


def wrong(*kinds: str) -> dict[Any, int]:
    """The series of problems if there are exactly problems of these kinds."""
    return {(("kind", each),): int(each in kinds) for each in look.KINDS}


@pytest.mark.usefixtures("clock")
def test_a_set_that_somebody_has_made_by_hand_is_told_and_passed_over(
    shell: Shell, settings: Settings, here: Path, capsys: Any
) -> None:
    others = ["night-before-upgrade", "night-2026-1-5T02:30:00Z", "night-\u2028"]
    names = [name_of(NOW - 60), *others]
    (here / "SETS").write_text("".join(f"{name}\n" for name in names))
    status, found = said(settings, capsys, "--write")
    assert (status, found["sets"], found["newest"]) == (1, 1, NOW - 60)
    (problem,) = found["problems"]
    assert problem.startswith(f"no night gives a set such a name: {', '.join(map(ascii, others))}.")
    assert metrics(settings)["coop_set_problem"] == wrong("unknown")
    # What borg drops has the shape of a night's name.
    assert [it for it in names if fnmatchcase(it, f"{sets.SET}{sets.ANY_TIME}")] == names[:1]
    ready()
    assert program.main(settings, ["night"]) == 0


def test_what_a_program_says_may_be_no_text() -> None:
    with pytest.raises(Failed, match=r"\\xff: Permission denied"):
        command.call("sh", "-c", r"printf '\377: Permission denied\n' >&2; exit 1")


@pytest.mark.usefixtures("clock")
def test_what_cannot_be_read_or_is_damaged_is_in_the_metrics(
    shell: Shell, settings: Settings, here: Path, capsys: Any
) -> None:
    (here / "SETS").write_text(f"{name_of(NOW - 60)}\n")
    said(settings, capsys)
    (here / "damage").write_text("borg check")
    said(settings, capsys, "--write")
    assert metrics(settings)["coop_set_problem"] == wrong("damaged")
    shell.stand_in("mount", "exit 32")
    said(settings, capsys, "--write")
    found = metrics(settings)
    assert found["coop_set_problem"] == wrong("damaged", "unreadable")
    assert found["coop_set_newest_timestamp_seconds"] == {(): NOW - 60}


@pytest.mark.usefixtures("clock")
def test_metrics_that_cannot_be_written_are_a_failure_that_is_told(
    shell: Shell, settings: Settings, here: Path, capsys: Any
) -> None:
    (here / "SETS").write_text(f"{name_of(NOW - 60)}\n")
    settings["metrics"] = str(here / "no/coop-backup.prom")
    status = program.main(settings, ["look", "--write"])
    (line,) = capsys.readouterr().err.splitlines()
    assert status == 1
    assert line.startswith("the metrics cannot be written: ") and "no/coop-backup.new" in line


def test_what_is_written_down_is_for_everybody_to_read_and_goes_through_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious, file = tmp_path / "precious", tmp_path / "a.prom"
    precious.write_text("keep me")
    for link in (file, tmp_path / "a.new"):
        link.symlink_to(precious)
    before = os.umask(0o077)
    try:
        whole.replace(file, "a 1\n")
    finally:
        os.umask(before)
    assert (precious.read_text(), file.read_text()) == ("keep me", "a 1\n")
    assert not file.is_symlink() and sorted(tmp_path.iterdir()) == [file, precious]
    assert file.stat().st_mode & 0o777 == 0o644
    # Nor through a link that somebody makes there meanwhile.
    new = tmp_path / "a.new"
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok: new.symlink_to(precious))
    with pytest.raises(FileExistsError):
        whole.replace(file, "a 2\n")
    assert (precious.read_text(), file.read_text()) == ("keep me", "a 1\n")


def test_what_does_not_reach_the_disk_leaves_what_was_written_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "last.json"
    whole.replace(file, "1")

    def fail(_: int) -> None:
        raise OSError("no room")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no room"):
        whole.replace(file, "2")
    assert file.read_text() == "1"


def test_the_page_lists_the_metrics_and_the_kinds_of_problems() -> None:
    page = (ROOT / "docs/backups.md").read_text()
    found = read(look.metrics({"sets": 0, "newest": 0}, {}, NOW))
    assert documented(page) == found.keys() | set(look.KINDS)


@pytest.mark.usefixtures("clock")
def test_sets_that_cannot_be_read_are_told_with_what_is_known(
    shell: Shell, settings: Settings, here: Path, capsys: Any
) -> None:
    (here / "SETS").write_text(f"{name_of(NOW - 60)}\n")
    said(settings, capsys)
    shell.stand_in("mount", 'case "$*" in *nfs*) echo access denied >&2; exit 32 ;; esac')
    status, found = said(settings, capsys)
    assert (status, found["sets"], found["newest"]) == (1, 1, NOW - 60)
    assert "cannot be read: mount -t nfs: exit 32: access denied" in found["problems"][0]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("text", ["", "{", None])
def test_what_is_known_may_be_lost(
    shell: Shell, settings: Settings, here: Path, capsys: Any, text: str | None
) -> None:
    """A reset or a full disk may leave the file like this."""
    if text is not None:
        (here / "last.json").write_text(text)
    (here / "SETS").write_text(f"{name_of(NOW - 60)}\n")
    places.STORE.rmdir()
    places.STORE.touch()
    status, found = said(settings, capsys)
    assert (status, found["sets"]) == (1, 0) and "cannot be read" in found["problems"][0]
    places.STORE.unlink()
    assert said(settings, capsys) == (0, {"at": NOW, "sets": 1, "newest": NOW - 60, "problems": []})


@pytest.mark.usefixtures("clock")
def test_while_a_night_is_copied_what_is_known_is_judged(
    shell: Shell, settings: Settings, here: Path, capsys: Any
) -> None:
    (here / "SETS").write_text(f"{name_of(NOW - 60)}\n")
    said(settings, capsys)
    shell.stand_in("mount", "exit 32")
    with program.LOCK.open("w") as lock:
        flock(lock, LOCK_EX)
        assert said(settings, capsys)[0] == 0


def test_a_provider_that_is_silent_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failed, match="no answer within 0 s"):
        command.call("sleep", "5", timeout=0.1)
