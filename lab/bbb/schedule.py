"""Random schedules of meetings, the same in each run, and how participants play them.

Each schedule has meetings that people join and leave, a breakout room, a meeting that stays empty,
and a late meeting, which begins when the test says so: between a controller's last look at a node
and the gate that keeps new meetings away.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from lab.bbb.door import NoAnswer, Refused
from lab.bbb.participants import Break, Crowd

SEED = 18
COUNT = 10
# Of the whole schedule, how long those in the late meeting stay.
LATE_STAY = 0.4


@dataclass(frozen=True, order=True)
class Event:
    """at: from 0 to 1, the part of the schedule that has gone by

    meeting: for a breakout room its own ID, and `parent` is set
    """

    at: float
    what: Literal["create", "join", "leave"]
    meeting: str
    who: str = ""
    parent: str = ""


@dataclass(frozen=True)
class Schedule:
    """events: in the order of their times; everybody who joins leaves by the end
    empty: the meeting that nobody joins; late, late_people: the one that begins on demand
    """

    name: str
    events: tuple[Event, ...]
    empty: str
    late: str
    late_people: tuple[str, ...]


def schedules(seed: int = SEED, count: int = COUNT) -> list[Schedule]:
    """So many schedules; names of meetings and people are in no two of them."""
    return [_schedule(f"s{number}", random.Random(f"{seed}-{number}")) for number in range(count)]


def _schedule(name: str, chance: random.Random) -> Schedule:
    rooms = [f"{name}-room{number}" for number in range(chance.randint(2, 3))]
    events: list[Event] = []
    for room in rooms:
        begin = chance.uniform(0.0, 0.3)
        events.append(Event(begin, "create", room))
        for person in range(chance.randint(1, 3)):
            events += _stay(chance, begin, room, f"{room}-p{person}")
    events += _breakout(chance, next(it for it in events if it.what == "join"))
    empty = f"{name}-empty"
    events.append(Event(chance.uniform(0.1, 0.6), "create", empty))
    late = f"{name}-late"
    people = tuple(f"{late}-p{number}" for number in range(chance.randint(1, 2)))
    return Schedule(name, tuple(sorted(events)), empty, late, people)


def _stay(chance: random.Random, begin: float, room: str, who: str) -> Iterator[Event]:
    """Somebody joins, and may leave and come back."""
    came = chance.uniform(begin + 0.02, 0.5)
    gone = chance.uniform(0.6, 1.0)
    if chance.random() < 0.4:
        yield Event(came, "join", room, who)
        yield Event(came + (gone - came) / 3, "leave", room, who)
        came += (gone - came) / 2
    yield Event(came, "join", room, who)
    yield Event(gone, "leave", room, who)


def _breakout(chance: random.Random, first: Event) -> Iterator[Event]:
    """A breakout room of the meeting that this event joins, with one person for a while.

    In BigBlueButton the person stays in the parent meanwhile, which would end without anybody.
    """
    parent, room = first.meeting, f"{first.meeting}-breakout"
    here, there = f"{room}-p0", f"{room}-p0-at-parent"
    begin = chance.uniform(first.at + 0.01, 0.55)
    end = chance.uniform(begin + 0.1, begin + 0.3)
    yield Event(begin, "join", parent, there)
    yield Event(begin + 0.01, "create", room, parent=parent)
    yield Event(begin + 0.02, "join", room, here)
    yield Event(end, "leave", room, here)
    yield Event(end + 0.01, "leave", parent, there)


@dataclass(frozen=True)
class Outcome:
    """late: whether the late meeting began, was refused, or was never asked for
    refused: what the API refused, with its messageKey; unanswered: what nobody answered
    """

    breaks: list[Break]
    late: Literal["began", "refused", "not asked for"]
    refused: list[str]
    unanswered: list[str]


@dataclass
class Play:
    """One schedule, played by a crowd in so many seconds.

    play = Play(schedule, crowd, 20)
    play.start()
    ...                 # the controller works; `play.begin_late()` when it has looked
    outcome = play.finish()
    """

    schedule: Schedule
    crowd: Crowd
    seconds: float
    _late: Literal["began", "refused", "not asked for"] = "not asked for"
    _refused: list[str] = field(default_factory=list)
    _unanswered: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._run(self._play)

    def begin_late(self) -> None:
        """Create the late meeting now, and let its people in. Only the first call counts."""
        if self._late != "not asked for":
            return
        created = self._try(Event(0, "create", self.schedule.late))
        self._late = "began" if created else "refused"
        if created:
            for who in self.schedule.late_people:
                self._try(Event(0, "join", self.schedule.late, who))
            self._run(self._end_late)

    def finish(self) -> Outcome:
        """Wait until everybody has left; what broke meanwhile is in the outcome."""
        for thread in self._threads:
            thread.join()
        self.crowd.leave_all()
        return Outcome(self.crowd.breaks, self._late, self._refused, self._unanswered)

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _play(self) -> None:
        start = time.monotonic()
        for event in self.schedule.events:
            time.sleep(max(0.0, start + event.at * self.seconds - time.monotonic()))
            self._try(event)

    def _end_late(self) -> None:
        time.sleep(LATE_STAY * self.seconds)
        for who in self.schedule.late_people:
            self._try(Event(0, "leave", self.schedule.late, who))

    def _try(self, event: Event) -> bool:
        try:
            self._do(event)
        except Refused as error:
            self._refused.append(f"{event.what} {event.meeting} {event.who}: {error.key}")
        except NoAnswer as error:
            self._unanswered.append(f"{event.what} {event.meeting} {event.who}: {error}")
        else:
            return True
        return False

    def _do(self, event: Event) -> None:
        if event.what == "leave":
            # Whoever could not join cannot leave.
            if event.who in self.crowd.people:
                self.crowd.leave(event.who)
        elif event.what == "join":
            # Front-ends create before each join, whether the meeting is there or not.
            if not event.meeting.endswith("-breakout"):
                self.crowd.create(event.meeting)
            self.crowd.join(event.meeting, event.who)
        elif event.parent:
            self.crowd.create_breakout(event.parent, event.meeting, 1)
        elif event.meeting == self.schedule.empty:
            # BigBlueButton's own five minutes would be most of each schedule's time.
            self.crowd.create(event.meeting, meetingExpireIfNoUserJoinedInMinutes="1")
        else:
            self.crowd.create(event.meeting)
