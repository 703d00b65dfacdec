"""One run: the parts of the program, in their order, each in the name of whoever owns what it does.

A run that was cut off anywhere is finished by the next one. In the spool and on the volume a file
gets its name once it is whole; a copy is written down once it was compared; and only then a file of
the spool goes.
"""

import time
from dataclasses import dataclass
from typing import Any

from programs.recordings import Settings
from programs.recordings.child import Program, uid_of
from programs.recordings.expire import DAY, copied
from programs.recordings.hand_over import HandOver
from programs.recordings.known import Copy, copies, keep, note
from programs.recordings.names import Recording
from programs.recordings.problems import Found, Problem

# How long the parts may take. A copy of 10 GiB at 2 MiB a second takes 85 minutes.
SCAN_SECONDS = 300
SPOOL_SECONDS = 3600
PUT_SECONDS = 2 * 3600
VOLUME_SECONDS = 120


@dataclass(frozen=True)
class Scan:
    """What the host has: published, as in names.py; spooled: sizes by file."""

    published: list[Recording]
    spooled: dict[str, int]
    queue: int
    problems: dict[str, str]


def scan(program: Program, settings: Settings) -> Scan:
    """Raises Problem."""
    told = program.part("scan", settings.account, SCAN_SECONDS)
    recordings = [Recording(*it) for it in told["published"]]
    return Scan(recordings, told["spooled"], told["queue"], told["problems"])


@dataclass(frozen=True)
class Run:
    """lock: a descriptor that each part keeps, so that nobody begins while one has not ended"""

    program: Program
    settings: Settings
    lock: int

    def all(self) -> None:
        """All of it. What goes wrong is written down, and told by `look`."""
        found = Found()
        try:
            self._all(found)
        except Problem as problem:
            found.add(problem)
        except (OSError, ValueError) as error:
            found.add(Problem("failed", str(error)))
        note(self.settings, int(time.time()), dict(found.told()))

    def _all(self, found: Found) -> None:
        settings, now = self.settings, copies(self.settings)
        seen = scan(self.program, settings)
        if settings.volume:
            self._forget_lost(seen, now, found)
            self._spool(seen, now, found)
            owner = uid_of(settings.account)
            HandOver(settings, owner, self._put, found).all(now)
            if not seen.problems:
                present = {it.name for it in seen.published}
                now = {name: it for name, it in now.items() if name in present}
                keep(settings, now)
        self._expire(seen, now, found)

    def _forget_lost(self, seen: Scan, now: dict[str, Copy], found: Found) -> None:
        """Take out what somebody has removed from the volume, so that it gets there again."""
        volume = self.settings.volume
        assert volume
        if not now:
            return
        try:
            there = self._part("names", volume.uid, VOLUME_SECONDS, None)["names"]
        except Problem as problem:
            found.add(problem)
            return
        published = {it.name for it in seen.published}
        for name in sorted(now.keys() & published - set(there)):
            del now[name]
            text = f"{name} was on the volume, and is not there any more: it is copied anew"
            found.add(Problem("differs", text))
        keep(self.settings, now)

    def _spool(self, seen: Scan, now: dict[str, Copy], found: Found) -> None:
        due = [
            [it.meeting, it.format, it.mark, it.since, it.place]
            for it in seen.published
            if it.spooled not in seen.spooled
            and (it.name not in now or now[it.name].mark != it.mark)
        ]
        if due:
            self._told(self._part("spool", self.settings.account, SPOOL_SECONDS, due), found)

    def _put(self, name: str, source: int, digest: str) -> None:
        assert self.settings.volume
        given = [name, source, digest]
        words = ("put", self.settings.volume.uid, PUT_SECONDS, given, (source, self.lock))
        self.program.part(*words)

    def _expire(self, seen: Scan, now: dict[str, Copy], found: Found) -> None:
        if not self._knows_the_day(found):
            return
        due = self._due(seen, now, found)
        told = self._part("expire", self.settings.account, SPOOL_SECONDS, due)
        self._told(told, found)
        volume, days = self.settings.volume, self.settings.days["volume"]
        if volume and days is not None:
            try:
                self._part("expire-volume", volume.uid, VOLUME_SECONDS, days)
            except Problem as problem:
                found.add(problem)

    def _knows_the_day(self, found: Found) -> bool:
        """Whether the storage has the same day: by a clock that is ahead all would expire."""
        volume = self.settings.volume
        if not volume:
            return True
        try:
            there = float(self._part("now", volume.uid, VOLUME_SECONDS, None)["now"])
        except Problem as problem:
            # What is on the host still makes room, and on the volume nothing can expire.
            found.add(problem)
            return True
        apart = abs(there - time.time())
        if apart > DAY:
            days = f"{apart / DAY:.0f} days"
            text = f"the clocks of host and storage are {days} apart: nothing expires"
            found.add(Problem("failed", text))
        return apart <= DAY

    def _due(self, seen: Scan, now: dict[str, Copy], found: Found) -> list[tuple[str, str]]:
        """Name and mark of what may go from the host: today the volume says that it has them."""
        compared = {name: (it.mark, it.at) for name, it in now.items()}
        old = copied(seen.published, compared, self.settings.days["published"])
        if not old or not self.settings.volume:
            return []
        try:
            names = [it.name for it in old]
            sizes = self._part("kept", self.settings.volume.uid, VOLUME_SECONDS, names)["kept"]
        except Problem as problem:
            found.add(problem)
            return []
        gone = [it.name for it in old if sizes.get(it.name) != now[it.name].size]
        if gone:
            text = f"{gone[0]} on the volume has another size than it had: it stays on the host"
            found.add(Problem("differs", text))
        return [(it.name, it.mark) for it in old if it.name not in gone]

    def _part(self, name: str, who: str | int, seconds: float, given: Any) -> dict[str, Any]:
        return self.program.part(name, who, seconds, given, (self.lock,))

    @staticmethod
    def _told(told: dict[str, Any], found: Found) -> None:
        for kind, text in told["problems"].items():
            found.add(Problem(kind, text))


def owns(settings: Settings) -> bool:
    """Whether the spool is the account's, and nobody else writes there."""
    it = settings.spool.stat(follow_symlinks=False)
    return it.st_uid == uid_of(settings.account) and not it.st_mode & 0o022
