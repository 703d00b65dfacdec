"""What may go from a host, and what never goes."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from programs.recordings import volume
from programs.recordings.expire import expire
from tests.unit.programs.recordings.node import DAY, MEETING, OTHER, Node

NAME = f"{MEETING}-presentation"


def copied_days_ago(host: Node, days: float) -> None:
    """As if the copies had been compared so many days ago."""
    file = host.settings.state / "copies.json"
    text = file.read_text()
    for it in host.copies().values():
        text = text.replace(str(it["at"]), str(int(time.time() - days * DAY)))
    file.write_text(text)


def old(path: Path, days: float) -> Path:
    path.mkdir(parents=True)
    (path / "inside").write_text("x")
    when = time.time() - days * DAY
    os.utime(path, (when, when))
    return path


@pytest.fixture
def at_30_days(host: Node) -> Path:
    """A recording that goes 30 days after its copy was compared, and that has a copy."""
    host.with_days(published=30)
    directory = host.publish()
    host.run()
    return directory


@pytest.mark.parametrize(("days", "goes"), [(29, False), (31, True)])
def test_a_recording_goes_from_the_host_some_days_after_its_copy(
    host: Node, at_30_days: Path, days: float, goes: bool
) -> None:
    copied_days_ago(host, days)
    assert host.run() == {}
    assert at_30_days.exists() != goes
    assert host.kept() == [f"{NAME}.tar"]


def test_without_days_it_stays_for_ever(host: Node) -> None:
    directory = host.publish()
    host.run()
    copied_days_ago(host, 3000)
    assert host.run() == {} and directory.is_dir()


def test_one_that_has_changed_since_stays(host: Node, at_30_days: Path) -> None:
    copied_days_ago(host, 31)
    (at_30_days / "metadata.xml").write_text("another title")
    host.run()
    assert at_30_days.is_dir()


@pytest.mark.parametrize("change", ["gone", "shorter", "a link"])
def test_one_whose_copy_is_not_whole_any_more_stays_and_is_told(
    host: Node, at_30_days: Path, change: str
) -> None:
    copied_days_ago(host, 31)
    copy = host.top / "volume/recordings" / f"{NAME}.tar"
    whole = copy.read_bytes()
    copy.unlink()
    if change == "shorter":
        copy.write_bytes(whole[:-1])
    if change == "a link":
        (host.top / "whole").write_bytes(whole)
        copy.symlink_to(host.top / "whole")
    assert "differs" in host.run()
    assert at_30_days.is_dir()


def test_one_that_changes_after_the_look_stays(host: Node, at_30_days: Path) -> None:
    """The account's part looks again: meanwhile there was a look at the volume."""
    mark = host.copies()[NAME]["mark"]
    (at_30_days / "metadata.xml").write_text("another title")
    assert expire(host.settings, [(NAME, mark)]) == {"problems": {}}
    assert at_30_days.is_dir()


@pytest.mark.parametrize("make", ["link", "directory"])
def test_only_a_plain_file_counts_as_a_copy(host: Node, make: str) -> None:
    copy = host.top / "volume/recordings" / f"{NAME}.tar"
    copy.parent.mkdir()
    if make == "link":
        copy.symlink_to("nowhere")
    else:
        copy.mkdir()
    assert host.settings.volume
    assert volume.kept(host.settings.volume, [NAME]) == {}


def test_while_the_storage_is_away_nothing_goes(host: Node, at_30_days: Path) -> None:
    copied_days_ago(host, 31)
    host.unmount()
    assert list(host.run()) == ["away"]
    assert at_30_days.is_dir()


def test_a_link_in_the_place_of_a_recording_loses_nothing_elsewhere(
    host: Node, at_30_days: Path
) -> None:
    copied_days_ago(host, 31)
    elsewhere = host.top / "elsewhere"
    at_30_days.rename(elsewhere)
    at_30_days.symlink_to(elsewhere)
    host.run()
    assert (elsewhere / "metadata.xml").exists()


@pytest.mark.parametrize(("days", "goes"), [(13, False), (15, True)])
def test_what_somebody_has_deleted_goes_after_some_days(
    host: Node, monkeypatch: pytest.MonkeyPatch, days: float, goes: bool
) -> None:
    """BigBlueButton keeps it for ever: 11 GB in 8 months were seen."""
    gone = old(host.top / "bbb/deleted/presentation" / MEETING, 0)
    now = time.time() + days * DAY
    monkeypatch.setattr("time.time", lambda: now)
    monkeypatch.setattr(volume, "now", lambda _: now)
    host.run()
    assert gone.exists() != goes


def test_without_days_what_is_deleted_stays(host: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    host.with_days(deleted=None)
    gone = old(host.top / "bbb/deleted/presentation" / MEETING, 0)
    now = time.time() + 999 * DAY
    monkeypatch.setattr("time.time", lambda: now)
    monkeypatch.setattr(volume, "now", lambda _: now)
    host.run()
    assert gone.exists()


def test_a_link_among_what_is_deleted_leads_nowhere(
    host: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = old(host.top / "elsewhere", 0)
    (host.top / "bbb/deleted").mkdir()
    (host.top / "bbb/deleted/presentation").mkdir()
    (host.top / "bbb/deleted/presentation/link").symlink_to(elsewhere)
    (host.top / "bbb/deleted/video").symlink_to(host.top)
    now = time.time() + 15 * DAY
    monkeypatch.setattr("time.time", lambda: now)
    monkeypatch.setattr(volume, "now", lambda _: now)
    host.run()
    assert (elsewhere / "inside").exists()
    assert not (host.top / "bbb/deleted/presentation/link").is_symlink()


def video_only(host: Node) -> None:
    host.settings = replace(host.settings, formats=("video",))


@pytest.mark.parametrize(("days", "goes"), [(13, False), (15, True)])
def test_a_host_of_videos_alone_does_not_keep_raw_for_ever(
    host: Node, days: float, goes: bool
) -> None:
    """BigBlueButton's own cron job passes over what was not published as a presentation."""
    video_only(host)
    raw = old(host.top / "bbb/recording/raw" / MEETING, 99)
    host.done(kind="video", days=days)
    host.run()
    assert raw.exists() != goes


@pytest.mark.parametrize("why", ["no publication", "it waits", "a name", "presentations"])
def test_raw_that_is_needed_stays(host: Node, why: str) -> None:
    video_only(host)
    name = "notes" if why == "a name" else MEETING
    raw = old(host.top / "bbb/recording/raw" / name, 99)
    if why != "no publication":
        host.done(name, "video", days=99)
    if why == "it waits":
        (host.settings.status / "processed").mkdir()
        (host.settings.status / "processed" / f"{MEETING}-podcast.done").touch()
    if why == "presentations":
        host.settings = replace(host.settings, formats=("presentation", "video"))
        host.done(kind="presentation", days=99)
    host.run()
    assert raw.is_dir()


def test_one_format_of_two_is_not_enough(host: Node) -> None:
    host.settings = replace(host.settings, formats=("video", "podcast"))
    raw = old(host.top / "bbb/recording/raw" / MEETING, 99)
    host.done(kind="video", days=99)
    host.run()
    assert raw.is_dir()
    host.done(kind="podcast", days=99)
    host.run()
    assert not raw.exists()


@pytest.mark.parametrize(("days", "goes"), [(None, False), (400, False), (300, True)])
def test_on_the_volume_a_recording_stays_for_ever_or_for_some_days(
    host: Node, days: int | None, goes: bool
) -> None:
    host.with_days(volume=days)
    host.publish(OTHER)
    directory = host.top / "volume/recordings"
    directory.mkdir()
    for name in (f"{NAME}.tar", "notes.tar"):
        (directory / name).write_text("x")
        os.utime(directory / name, (time.time() - 365 * DAY,) * 2)
    assert host.run() == {}
    assert (directory / f"{NAME}.tar").exists() != goes
    # Nobody knows what that is.
    assert (directory / "notes.tar").exists()
    assert f"{OTHER}-presentation.tar" in host.kept()


def test_a_host_without_a_volume_lets_go_of_nothing_that_is_published(host: Node) -> None:
    host.settings = replace(host.settings, volume=None)
    host.with_days(published=1)
    directory = host.publish()
    gone = old(host.top / "bbb/deleted/presentation" / OTHER, 99)
    assert host.run() == {}
    assert directory.is_dir() and gone.is_dir()
    assert host.spooled() == []
