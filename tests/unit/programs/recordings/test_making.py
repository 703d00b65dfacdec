"""What is still to be made, by the files of BigBlueButton's workers; and nothing is passed over."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from programs.recordings.making import queue
from programs.recordings.problems import Found
from programs.recordings.published import scan
from tests.unit.programs.recordings.node import DAY, MEETING, OTHER, Node
from tests.unit.programs.recordings.test_expire import copied_days_ago

# What rap-starter and the workers leave of a recording that is done in the format presentation.
DONE = ("archived/{}.done", "sanity/{}.done", "processed/{}-presentation.done",
        "published/{}-presentation.done")  # fmt: skip


def age(path: Path, days: float) -> None:
    os.utime(path, (time.time() - days * DAY,) * 2)


def left(host: Node, *names: str, days: float = 30, raw: bool = True) -> None:
    """The workers have left these files, so many days ago."""
    if raw:
        (host.top / "bbb/recording/raw" / MEETING).mkdir(parents=True, exist_ok=True)
    for name in names:
        file = host.settings.status / name.format(MEETING)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        age(file, days)


def problems(host: Node) -> Any:
    """What a look tells of what lies there."""
    return scan(host.settings)["problems"]


@pytest.mark.parametrize(
    ("names", "days", "count"),
    [
        ((), 30, 1),
        (("recorded/{}.done",), 0, 1),
        (("recorded/{}-1700000000001.done", *DONE), 30, 1),
        (("archived/{}.done",), 30, 1),
        (("archived/{}.norecord",), 30, 0),
        (DONE[:3], 30, 1),
        (DONE, 30, 0),
        ((*DONE, "processed/{}-video.done"), 30, 1),
        ((*DONE, "processed/{}-video.done", "published/{}-video.done"), 1, 0),
        # Another format may still come, and one that nobody asked for then will never.
        (DONE, 1, 1),
        ((*DONE[:2], "processed/{}-presentation.fail"), 30, 1),
    ],
)
def test_a_recording_counts_until_it_is_made(
    host: Node, names: Sequence[str], days: float, count: int
) -> None:
    host.settings = replace(host.settings, formats=("presentation", "video"))
    left(host, *names, days=days)
    assert queue(host.settings, Found()) == count


def test_a_recording_that_has_failed_is_told(host: Node) -> None:
    left(host, "archived/{}.done", "sanity/{}.fail")
    found = Found()
    queue(host.settings, found)
    assert f"{MEETING} was not made: its step sanity has failed" in found.told()["failed"]


def test_what_has_another_name_counts_for_nothing(host: Node) -> None:
    left(host, "recorded/notes.done", raw=False)
    (host.top / "bbb/recording/raw/notes").mkdir(parents=True)
    assert queue(host.settings, Found()) == 0


def test_formats_that_the_data_does_not_name_any_more_are_handed_over(host: Node) -> None:
    host.settings = replace(host.settings, formats=("presentation",))
    host.publish(MEETING, "video")
    host.publish(OTHER, "podcast")
    host.run()
    assert host.kept() == [f"{MEETING}-video.tar", f"{OTHER}-podcast.tar"]


def test_what_somebody_has_unpublished_is_handed_over(host: Node) -> None:
    at = host.publish()
    away = host.top / "bbb/unpublished/presentation"
    away.mkdir(parents=True)
    at.rename(away / MEETING)
    assert host.run() == {}
    assert host.kept() == [f"{MEETING}-presentation.tar"]
    # Published again, it is what it was.
    (away / MEETING).rename(at)
    assert host.run() == {}
    assert host.spooled() == []


def test_what_is_unpublished_expires_where_it_is(host: Node) -> None:
    away = host.top / "bbb/unpublished/presentation"
    away.mkdir(parents=True)
    host.publish().rename(away / MEETING)
    host.with_days(published=1)
    host.run()
    copied_days_ago(host, 2)
    host.run()
    assert not (away / MEETING).exists()
    assert host.kept() == [f"{MEETING}-presentation.tar"]


def test_a_publication_that_never_ended_is_told(host: Node) -> None:
    at = host.publish()
    (host.settings.status / f"published/{MEETING}-presentation.done").unlink()
    assert problems(host) == {}
    age(at, 2)
    assert "no file says that its publication is done" in problems(host)["odd"]


def test_a_directory_that_is_no_format_is_told(host: Node) -> None:
    (host.top / "bbb/published/Old stuff").mkdir()
    assert "'Old stuff', which is no format" in problems(host)["odd"]
