"""A recording is on the volume, compared, before anything of it may go from the host."""

import errno
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from programs.recordings import plain, spool, volume
from programs.recordings.expire import DAY
from programs.recordings.hand_over import HandOver
from programs.recordings.problems import Found, Problem
from tests.unit.programs.recordings.node import MEETING, OTHER, Here, Node

KEPT = f"{MEETING}-presentation.tar"


def test_a_published_recording_gets_to_the_volume_as_one_tar(host: Node) -> None:
    host.publish()
    assert host.run() == {}
    assert (host.kept(), host.spooled()) == ([KEPT], [])
    with tarfile.open(host.top / "volume/recordings" / KEPT) as tar:
        # As Scalelite's importer wants the names: the format, the recording, its files.
        assert f"presentation/{MEETING}/metadata.xml" in tar.getnames()
        file = tar.extractfile(f"presentation/{MEETING}/slides/one")
        assert file and file.read() == b"1"
    assert host.copies()[f"{MEETING}-presentation"]["size"] > 0


def test_a_second_run_does_nothing_again(host: Node) -> None:
    host.publish()
    host.run()
    program = Here(host.settings)
    assert host.run(program) == {}
    assert [name for name, _ in program.__dict__["parts"]] == ["scan", "names", "now", "expire"]


def test_a_copy_that_somebody_has_removed_is_made_anew_and_told(host: Node) -> None:
    host.publish()
    host.run()
    (host.top / "volume/recordings" / KEPT).unlink()
    assert "is not there any more" in host.run()["differs"]
    assert host.kept() == [KEPT]
    assert host.run() == {}


def test_a_storage_that_is_away_loses_no_memory_of_copies(host: Node) -> None:
    host.publish()
    host.run()
    before, table = host.copies(), (host.top / "mountinfo").read_text()
    host.unmount()
    assert list(host.run()) == ["away"]
    assert host.copies() == before
    (host.top / "mountinfo").write_text(table)
    assert host.run() == {}


def test_each_part_has_the_powers_of_whoever_owns_what_it_does(host: Node) -> None:
    host.publish()
    program = Here(host.settings)
    host.run(program)
    assert host.settings.volume
    account, owner = host.settings.account, host.settings.volume.uid
    host.run(program)
    assert dict(program.__dict__["parts"]) == {
        "scan": account, "spool": account, "put": owner, "names": owner, "now": owner,
        "expire": account,
    }  # fmt: skip


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_is_not_the_storages_lets_nothing_expire(
    host: Node, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    host.publish()
    host.with_days(volume=365, published=1)
    host.run()
    real = volume.now
    monkeypatch.setattr(volume, "now", lambda at: real(at) + days * DAY)
    program = Here(host.settings)
    assert "400 days apart: nothing expires" in host.run(program)["failed"]
    assert "expire" not in dict(program.__dict__["parts"])
    assert "expire-volume" not in dict(program.__dict__["parts"])
    assert host.kept() == [KEPT]


def test_a_recording_that_is_not_done_stays_where_it_is(host: Node) -> None:
    host.publish()
    (host.top / f"bbb/recording/status/published/{MEETING}-presentation.done").unlink()
    assert host.run() == {}
    assert (host.kept(), host.spooled()) == ([], [])


@pytest.mark.parametrize("change", ["metadata", "again", "captions"])
def test_a_recording_that_has_changed_is_handed_over_again(host: Node, change: str) -> None:
    directory = host.publish()
    host.run()
    before = (host.top / "volume/recordings" / KEPT).read_bytes()
    match change:
        case "metadata":
            (directory / "metadata.xml").write_text("<id>another title</id>")
        case "captions":
            (directory / "captions.json").write_text("[]")
        case "again":
            (directory / "slides/one").write_text("2")
            host.done(days=-0.001)
    assert host.run() == {}
    assert host.kept() == [KEPT]
    assert (host.top / "volume/recordings" / KEPT).read_bytes() != before


def test_the_copy_before_stays_until_the_new_one_was_compared(
    host: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = host.publish()
    host.run()
    before = (host.top / "volume/recordings" / KEPT).read_bytes()
    (directory / "metadata.xml").write_text("<id>another title</id>")
    monkeypatch.setattr(volume, "read_back", lambda descriptor: "0" * 64)
    assert "differs" in host.run()
    assert (host.top / "volume/recordings" / KEPT).read_bytes() == before
    assert host.kept() == [KEPT], "a copy that differs is left there"


def test_a_copy_that_differs_keeps_the_recording_in_the_spool(
    host: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.publish()
    monkeypatch.setattr(volume, "read_back", lambda descriptor: "0" * 64)
    problems = host.run()
    assert "has not the bytes that were written there" in problems["differs"]
    assert host.kept() == [] and len(host.spooled()) == 1
    assert not (host.settings.state / "copies.json").exists() or host.copies() == {}
    monkeypatch.undo()
    monkeypatch.setattr(volume, "TABLE", host.top / "mountinfo")
    assert host.run() == {}
    assert (host.kept(), host.spooled()) == ([KEPT], [])


def test_what_the_storage_has_is_read_anew(host: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of this host's own memory each comparison would be right."""
    told: list[Any] = []
    synced: list[int] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda *words: told.append((*words, [*synced])))
    monkeypatch.setattr(os, "fsync", synced.append)
    host.publish()
    host.run()
    ((descriptor, *words, before),) = told
    assert words == [0, 0, os.POSIX_FADV_DONTNEED]
    # Only what was written out can be dropped.
    assert descriptor in before


def test_without_its_storage_a_host_only_waits(host: Node) -> None:
    host.publish()
    host.publish(OTHER)
    host.unmount()
    problems = host.run()
    assert list(problems) == ["away"] and "no nfs4 is mounted" in problems["away"]
    assert len(host.spooled()) == 2
    assert list((host.top / "volume").iterdir()) == [], "written to the bare directory"


@pytest.mark.parametrize(
    "line",
    [
        "36 1 {device} / {at} rw - ext4 /dev/sda1 rw",
        "36 1 0:9999 / {at} rw - nfs4 server:/a rw",
        "36 1 {device} / {at}/below rw - nfs4 server:/a rw",
        "36 1 {device} / {at} rw - nfs4 server:/a rw\n37 1 0:5 / {at} rw - tmpfs none rw",
    ],
    ids=["another type", "another device", "below", "hidden"],
)
def test_only_the_right_mount_takes_recordings(host: Node, line: str) -> None:
    it = (host.top / "volume").stat().st_dev
    device = f"{os.major(it)}:{os.minor(it)}"
    (host.top / "mountinfo").write_text(line.format(device=device, at=host.top / "volume") + "\n")
    host.publish()
    assert "away" in host.run()
    assert list((host.top / "volume").iterdir()) == []


def test_a_full_volume_keeps_the_recording_on_the_host(
    host: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: int, out: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    host.publish()
    monkeypatch.setattr(volume, "_copy", full)
    assert "Disk quota exceeded" in host.run()["full"]
    assert len(host.spooled()) == 1
    assert host.kept() == [], "a part of a copy takes the room that is left"


def test_a_spool_without_room_takes_nothing_and_tells(host: Node) -> None:
    host.publish()
    object.__setattr__(host.settings, "room", 2**62)
    problems = host.run()
    assert "has no room" in problems["full"]
    assert (host.spooled(), host.kept()) == ([], [])


def test_one_that_is_too_large_for_the_spool_keeps_none_of_the_others(
    host: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.publish(MEETING, large="x" * 10)
    host.publish(OTHER)
    sizes = spool._size

    def size(at: int, name: str, depth: int = 1) -> int:
        return 2**62 if name == MEETING else sizes(at, name, depth)

    monkeypatch.setattr(spool, "_size", size)
    assert "has no room" in host.run()["full"]
    assert [it for it in host.kept() if OTHER in it] == [f"{OTHER}-presentation.tar"]


def test_one_that_is_deeper_than_any_keeps_none_of_the_others(host: Node) -> None:
    deep = host.publish(MEETING)
    deep.joinpath(*["d"] * 900).mkdir(parents=True)
    host.publish(OTHER)
    assert "more than 32 levels" in host.run()["odd"]
    assert [it for it in host.kept() if OTHER in it] == [f"{OTHER}-presentation.tar"]


def test_a_disk_that_becomes_full_meanwhile_leaves_no_part(
    host: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    host.publish()
    monkeypatch.setattr(spool, "_add_file", full)
    assert "has no room" in host.run()["full"]
    assert (host.spooled(), host.kept()) == ([], [])


def test_a_recording_that_changes_meanwhile_waits_for_the_next_run(
    host: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, real = host.publish(), spool._add_file

    def change(*words: Any) -> None:
        real(*words)
        (directory / "metadata.xml").write_text("changed, and longer than before")

    monkeypatch.setattr(spool, "_add_file", change)
    assert host.run() == {}
    assert (host.spooled(), host.kept()) == ([], [])
    monkeypatch.setattr(spool, "_add_file", real)
    assert host.run() == {}
    assert host.kept() == [KEPT]


class Cut(BaseException):
    """The machine loses its power."""


# Where a run may be cut off: what a step calls, how often it is called before.
STEPS: list[tuple[Any, str, int]] = [
    (spool, "_add_file", 1),
    (spool, "mark", 0),
    (Path, "rename", 0),
    (spool, "_sync", 0),
    (volume, "_copy", 0),
    (volume, "read_back", 0),
    (os, "rename", 0),
    (plain, "sync", 1),
    (os, "unlink", 1),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS, ids=lambda it: f"{it[1]}")
def test_a_run_that_was_cut_off_is_finished_by_the_next(
    host: Node, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str, int], after: bool
) -> None:
    where, name, before = step
    directory, real, calls = host.publish(), getattr(where, name), [0]

    def cut(*words: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] <= before:
            return real(*words, **more)
        if after:
            real(*words, **more)
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(where, name, cut)
        with pytest.raises(Cut):
            host.run()
    assert calls[0] > before, "no test otherwise"
    assert directory.is_dir()
    assert host.run() == {}
    assert (host.kept(), host.spooled()) == ([KEPT], [])
    with tarfile.open(host.top / "volume/recordings" / KEPT) as tar:
        assert len(tar.getnames()) == 4
    assert list(host.copies()) == [f"{MEETING}-presentation"]


def test_a_copy_is_written_down_before_the_file_leaves_the_spool(
    host: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.publish()
    real = os.unlink

    def cut(path: Any, **more: Any) -> None:
        if str(path).endswith(".tar"):
            assert list(host.copies()) == [f"{MEETING}-presentation"]
            raise Cut
        real(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", cut)
        with pytest.raises(Cut):
            host.run()


def test_a_file_whose_copy_is_known_goes_without_another_copy(host: Node) -> None:
    host.publish()
    host.run()
    # As if the run had been cut off after the copy was written down.
    mark = host.copies()[f"{MEETING}-presentation"]["mark"]
    file = host.settings.spool / f"{MEETING}-presentation.{mark}.tar"
    file.write_text("x")
    program = Here(host.settings)
    assert host.run(program) == {}
    assert "put" not in dict(program.__dict__["parts"])
    assert host.spooled() == []


ODD: dict[str, Callable[[Path], Any]] = {
    "a link": lambda path: path.symlink_to("/etc/shadow"),
    "a FIFO": os.mkfifo,
    "a directory": Path.mkdir,
    "another's file": lambda path: os.link(path.parent.parent / "secret", path),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_nothing_but_its_own_files_is_read_from_the_spool(
    host: Node, make: Callable[[Path], Any]
) -> None:
    (host.top / "secret").write_text("root's")
    odd = host.settings.spool / f"{OTHER}-presentation.{'0' * 16}.tar"
    make(odd)
    host.publish()
    problems = host.run()
    assert problems
    assert host.kept() == [KEPT], "the others wait for it"
    copy = (host.top / "volume/recordings" / KEPT).read_bytes()
    assert b"root's" not in copy


def test_a_file_of_another_owner_in_the_spool_is_not_read(host: Node) -> None:
    file = host.settings.spool / f"{MEETING}-presentation.{'0' * 16}.tar"
    file.write_text("x")
    found = Found()

    def put(name: str, source: int, digest: str) -> None:
        raise AssertionError(name)

    HandOver(host.settings, os.getuid() + 1, put, found).all({})
    assert "not BigBlueButton's own file" in found.told()["odd"]
    assert file.exists()


@pytest.mark.parametrize("name", ["notes.txt", f"{MEETING}.tar", "a\nb.tar", "..tar", "\udcff.tar"])
def test_other_names_in_the_spool_are_told_and_left(host: Node, name: str) -> None:
    (host.settings.spool / name).write_text("x")
    host.publish()
    host.run()
    assert host.kept() == [KEPT]
    assert (host.settings.spool / name).exists()


@pytest.mark.parametrize("name", ["notes", "..a", "A" * 40 + "-1700000000000", "é", "\udcff"])
def test_a_recording_with_another_name_is_told_and_left(host: Node, name: str) -> None:
    other = host.publish(name)
    host.publish()
    program = Here(host.settings)
    host.run(program)
    assert "has a recording" in program.part("scan", 0, 1)["problems"]["odd"]
    assert host.kept() == [KEPT]
    assert other.is_dir()


@pytest.mark.parametrize("where", [".", "slides"])
@pytest.mark.parametrize("make", [ODD["a link"], ODD["a FIFO"]], ids=["a link", "a FIFO"])
def test_a_recording_with_a_link_in_it_is_not_half_copied(
    host: Node, where: str, make: Callable[[Path], Any]
) -> None:
    make(host.publish() / where / "odd")
    host.publish(OTHER)
    host.run()
    assert host.kept() == [f"{OTHER}-presentation.tar"]
    assert host.spooled() == []


def test_a_directory_of_recordings_that_is_a_link_is_told(host: Node) -> None:
    (host.top / "elsewhere").mkdir()
    (host.top / "bbb/published/presentation").symlink_to(host.top / "elsewhere")
    assert "cannot be read" in Here(host.settings).part("scan", 0, 1)["problems"]["odd"]
    assert host.run() == {} and host.kept() == []


HOSTILE: dict[str, Callable[[Path], Any]] = {
    "the directory is a link": lambda at: (at / "recordings").symlink_to(at.parent / "elsewhere"),
    "the directory is a file": lambda at: (at / "recordings").write_text("x"),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_volume_leads_nowhere(host: Node, make: Callable[[Path], Any]) -> None:
    (host.top / "elsewhere").mkdir()
    make(host.top / "volume")
    host.publish()
    problems = host.run()
    assert "is no directory, but a link or a file: move it aside" in problems["odd"]
    assert list((host.top / "elsewhere").iterdir()) == []
    assert len(host.spooled()) == 1


@pytest.mark.parametrize("name", [f"{MEETING}-presentation.new", KEPT])
def test_links_on_the_volume_are_replaced_and_not_followed(host: Node, name: str) -> None:
    target = host.top / "target"
    target.write_text("mine")
    (host.top / "volume/recordings").mkdir()
    (host.top / "volume/recordings" / name).symlink_to(target)
    host.publish()
    assert host.run() == {}
    assert target.read_text() == "mine"
    assert not (host.top / "volume/recordings" / KEPT).is_symlink()


def test_a_directory_in_the_place_of_a_copy_is_told(host: Node) -> None:
    (host.top / "volume/recordings" / KEPT).mkdir(parents=True)
    (host.top / "volume/recordings" / KEPT / "inside").write_text("x")
    host.publish()
    assert host.run()
    assert len(host.spooled()) == 1


def test_a_storage_that_does_not_answer_is_left_for_the_next_run(
    host: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.publish()
    host.publish(OTHER)
    tried: list[str] = []

    class Slow(Here):
        def part(self, name: str, *words: Any, **more: Any) -> dict[str, Any]:
            if name == "put":
                tried.append(name)
                raise Problem("away", "put has not ended within 9 s")
            return super().part(name, *words, **more)

    assert list(host.run(Slow(host.settings))) == ["away"]
    assert tried == ["put"], "the others would wait in vain too"
    assert len(host.spooled()) == 2
    assert host.run() == {} and len(host.kept()) == 2
