"""A host with recordings, in a directory of the test's; its volume is a directory too."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from programs.recordings import Settings, settings_of, volume
from programs.recordings.child import Program
from programs.recordings.main import part
from programs.recordings.problems import Problem
from programs.recordings.run import Run

MEETING = "a" * 40 + "-1700000000000"
OTHER = "b" * 40 + "-1700000000001"
DAY = 24 * 3600


class Here(Program):
    """The parts in this process, with the powers that the test has. parts: those that ran"""

    def __init__(self, settings: Settings) -> None:
        super().__init__(Path("/nowhere"), Path("/nowhere"))
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "parts", [])

    def part(
        self,
        name: str,
        who: str | int,
        seconds: float,
        given: Any = None,
        descriptors: Sequence[int] = (),
    ) -> dict[str, Any]:
        self.__dict__["parts"].append((name, who))
        settings: Settings = self.__dict__["settings"]
        # What a part is given and what it tells is JSON.
        found = json.loads(json.dumps(part(settings, name, json.loads(json.dumps(given)))))
        if problem := found.get("problem"):
            raise Problem(*problem)
        return dict(found)


@dataclass
class Node:
    """A host. top: the directory of all that it has"""

    top: Path
    settings: Settings

    def publish(self, meeting: str = MEETING, kind: str = "presentation", **files: str) -> Path:
        """Publish a recording with these files; returns its directory."""
        directory = self.top / "bbb/published" / kind / meeting
        usual = {"metadata.xml": f"<id>{meeting!a}</id>", "slides/one": "1"}
        for name, text in {**usual, **files}.items():
            file = directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.done(meeting, kind)
        return directory

    def done(self, meeting: str = MEETING, kind: str = "presentation", days: float = 0) -> Path:
        """Say that publication is done, so many days ago."""
        file = self.top / "bbb/recording/status/published" / f"{meeting}-{kind}.done"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("Published\n")
        os.utime(file, (time.time() - days * DAY,) * 2)
        return file

    def run(self, program: Program | None = None) -> dict[str, str]:
        """A run; returns its problems."""
        lock = os.open(self.top / "lock", os.O_RDWR | os.O_CREAT)
        try:
            Run(program or Here(self.settings), self.settings, lock).all()
        finally:
            os.close(lock)
        return dict(self.last()["problems"])

    def last(self) -> dict[str, Any]:
        return dict(json.loads((self.settings.state / "last.json").read_text()))

    def copies(self) -> dict[str, Any]:
        return dict(json.loads((self.settings.state / "copies.json").read_text()))

    def spooled(self) -> list[str]:
        return sorted(it.name for it in self.settings.spool.iterdir())

    def kept(self) -> list[str]:
        """What is on the volume."""
        directory = self.top / "volume/recordings"
        return sorted(it.name for it in directory.iterdir()) if directory.is_dir() else []

    def with_days(self, **days: int | None) -> None:
        self.settings = replace(self.settings, days={**self.settings.days, **days})

    def unmount(self) -> None:
        (self.top / "mountinfo").write_text("")


def node(top: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A host whose volume is mounted, as the kernel's table says."""
    for name in ("bbb/published", "bbb/recording/status", "spool", "state", "volume"):
        (top / name).mkdir(parents=True)
    it = (top / "volume").stat().st_dev
    table = top / "mountinfo"
    device = f"{os.major(it)}:{os.minor(it)}"
    table.write_text(f"36 1 {device} / {top}/volume rw - nfs4 server:/a rw\n")
    monkeypatch.setattr(volume, "TABLE", table)
    settings = settings_of(
        {
            "recordings": f"{top}/bbb",
            "account": os.getuid(),
            "formats": ["presentation", "video"],
            "spool": f"{top}/spool",
            "state": f"{top}/state",
            "volume": {"at": f"{top}/volume", "filesystem": "nfs4", "uid": os.getuid()},
            "room": 0,
            "days": {"raw": 14, "published": None, "volume": None, "deleted": 14},
            "max_age": DAY,
            "metrics": f"{top}/state/metrics.prom",
        }
    )
    return Node(top, settings)
