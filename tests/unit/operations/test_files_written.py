"""The command of operations.files.present, performed on this machine's own file system."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import StringCommand

from facts import systemd
from facts.files import Paths, PathState
from operations.files import Absent, Directory, Entry, File, Link, present
from tests.unit.host_here import Done, ask, perform, sh
from tests.unit.operation_harness import Run, Shell, run

OWNER, GROUP = sh("id -un; id -gn").stdout.split()
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


def file(path: Path, content: str = "new\n", mode: int = 0o644, secret: bool = False) -> File:
    return File(str(path), content, mode, OWNER, GROUP, secret)


def directory(path: Path, mode: int = 0o755) -> Directory:
    return Directory(str(path), mode, OWNER, GROUP)


def difference(*entries: Entry) -> Run:
    secrets = [entry.path for entry in entries if isinstance(entry, File) and entry.secret]
    plain = [entry.path for entry in entries if entry.path not in secrets]
    return run(present, entries, facts={Paths: ask(Paths, plain, secrets)})


def converge(*entries: Entry) -> Done:
    (command,) = difference(*entries).commands
    return perform(command)


def test_one_run_makes_everything_and_the_next_finds_nothing_to_do(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.write_text("old")
    wanted: list[Entry] = [
        file(tmp_path / "not/there/yet/a b.conf", "it's $HOME\n\ttwo\n", 0o640),
        file(tmp_path / "run", "#!/bin/sh\n", 0o755),
        file(tmp_path / "key", "hunter2", 0o600, secret=True),
        directory(tmp_path / "shared", 0o2770),
        Link(str(tmp_path / "link"), "to/nowhere"),
        Absent(str(gone)),
    ]
    assert converge(*wanted).returncode == 0
    assert difference(*wanted).noops == ["all files are as wanted"]
    assert (tmp_path / "not/there/yet/a b.conf").read_text() == "it's $HOME\n\ttwo\n"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert {it.name for it in tmp_path.iterdir()} == {"not", "run", "key", "shared", "link"}


def test_a_file_is_replaced_whole_by_a_rename(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text("old\n" * 100_000)
    before = path.stat().st_ino
    with path.open() as reader:
        assert converge(file(path)).returncode == 0
        assert reader.read() == "old\n" * 100_000
    assert path.stat().st_ino != before
    assert path.read_text() == "new\n"


def test_a_content_is_on_the_disk_before_its_name_is(tmp_path: Path) -> None:
    (tmp_path / "shell").mkdir()
    shell = Shell(tmp_path / "shell")
    for program in ("sync", "mv"):
        shell.stand_in(program)
    (command,) = difference(file(tmp_path / "a"), Link(str(tmp_path / "b"), "a")).commands
    perform(command, shell)
    new, moved = f"{tmp_path}/.a.coop-new", f"mv -f -T {tmp_path}"
    assert shell.calls == [
        f"sync -- {new}",
        f"{moved}/.a.coop-new {tmp_path}/a",
        f"{moved}/.b.coop-new {tmp_path}/b",
        f"sync -f -- {tmp_path}/a",
    ]


def test_a_file_is_noted_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the run is cut off after that, the next run puts the file in force."""
    notes, path = tmp_path / "notes", tmp_path / "a b.conf"
    monkeypatch.setattr(systemd, "CHANGES", str(notes))
    (tmp_path / "shell").mkdir()
    shell = Shell(tmp_path / "shell")
    shell.stand_in("mv", "exit 1")
    (command,) = difference(file(path), Absent(str(tmp_path / "gone"))).commands
    assert perform(command, shell).returncode == 1
    assert notes.read_text() == f"written {path}\n"


def test_without_room_for_the_note_nothing_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "CHANGES", str(tmp_path / "not/there"))
    assert converge(file(tmp_path / "a")).returncode != 0
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_what_arrives_cut_off_replaces_nothing(tmp_path: Path, part: float) -> None:
    path = tmp_path / "a.conf"
    path.write_text("old\n")
    (command,) = difference(file(path, "new\n" * 50_000)).commands
    whole = command.connector_arguments["_stdin"]
    cut = StringCommand(command.get_raw_value(), _stdin=whole[: int(len(whole) * part)])
    assert perform(cut).returncode != 0
    assert path.read_text() == "old\n"
    assert converge(file(path)).returncode == 0
    assert [it.name for it in tmp_path.iterdir()] == ["a.conf"]


def test_a_file_is_as_new_as_its_last_change(tmp_path: Path) -> None:
    """systemd rereads a unit file only when its mtime is later than the one it has read."""
    path = tmp_path / "a.service"
    before = time.time() - 60
    assert converge(file(path)).returncode == 0
    assert path.stat().st_mtime > before


def test_a_link_to_a_directory_is_replaced_and_not_written_into(tmp_path: Path) -> None:
    old, link = tmp_path / "old", tmp_path / "link"
    old.mkdir()
    link.symlink_to(old)
    assert converge(Link(str(link), "elsewhere")).returncode == 0
    assert str(link.readlink()) == "elsewhere"
    assert list(old.iterdir()) == []


def test_a_link_in_the_place_of_a_file_goes_and_its_target_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("of somebody else")
    link.symlink_to(target)
    assert converge(file(link)).returncode == 0
    assert not link.is_symlink()
    assert target.read_text() == "of somebody else"


def test_what_is_in_a_directory_stays(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    (path / "inside").write_text("data")
    assert converge(directory(path, 0o750)).returncode == 0
    assert path.stat().st_mode & 0o777 == 0o750
    assert (path / "inside").read_text() == "data"


@pytest.mark.parametrize(
    "entry", [file, lambda path: Link(str(path), "x"), lambda p: Absent(str(p))]
)
def test_a_directory_survives_also_if_the_fact_did_not_see_it(tmp_path: Path, entry: Any) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (path / "inside").write_text("data")
    there = PathState("file", 0, "x", "x")
    (command,) = run(present, [entry(path)], facts={Paths: {str(path): there}}).commands
    assert perform(command).returncode != 0
    assert (path / "inside").read_text() == "data"


def test_what_is_named_absent_may_be_gone_already(tmp_path: Path) -> None:
    path = tmp_path / "gone"
    path.write_text("")
    (command,) = difference(Absent(str(path))).commands
    assert [perform(command).returncode for _ in range(2)] == [0, 0]


def test_a_file_for_an_owner_who_is_not_there_fails(tmp_path: Path) -> None:
    path = str(tmp_path / "a")
    assert converge(File(path, "", owner="no-such", group=GROUP)).stderr == (
        "passwd has no no-such\n"
    )
    assert converge(File(path, "", owner=OWNER, group="no-such")).stderr == "group has no no-such\n"
    assert list(tmp_path.iterdir()) == []


@as_root
def test_a_file_can_be_given_to_others(tmp_path: Path) -> None:
    path = tmp_path / "a"
    wanted: list[Entry] = [
        File(str(path), "x", 0o640, "nobody", "nogroup"),
        Directory(str(tmp_path / "b"), 0o750, "nobody", "nogroup"),
    ]
    assert converge(*wanted).returncode == 0
    assert (path.owner(), path.group()) == ("nobody", "nogroup")
    assert difference(*wanted).commands == []
