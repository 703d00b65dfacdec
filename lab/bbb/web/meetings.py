"""Meetings as bbb-web keeps them: in memory, so that a restart forgets them all."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lab.bbb.web.people import User

# An ended meeting is listed a little longer, with its endTime: api.md, `end`: "several seconds".
LISTED_AFTER_END = 5.0
NO_PARENT = "bbb-none"


class Refused(Exception):
    """A call that fails, by key and message as bbb-web would say it."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key, self.message = key, message


@dataclass
class Meeting:
    """Times are epoch seconds.

    external_id: the caller's meetingID; a breakout room's is made by bbb-web
    parent: the internal ID of a breakout room's parent
    empty_minutes, left_minutes: minutes until the meeting goes that nobody joined, or that all left
    stale: listed as live whatever happens
    breakouts: the external IDs of its breakout rooms
    emptied: since when nobody has been there
    """

    external_id: str
    internal_id: str
    name: str
    created: float
    attendee_password: str
    moderator_password: str
    voice_bridge: str
    dial_number: str
    duration: int = 0
    record: bool = False
    max_users: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    sequence: int = 0
    free_join: bool = False
    empty_minutes: int = 5
    left_minutes: int = 1
    stale: bool = False
    users: dict[str, User] = field(default_factory=dict)
    breakouts: list[str] = field(default_factory=list)
    has_user_joined: bool = False
    forcibly_ended: bool = False
    ended: float | None = None
    emptied: float = 0.0

    @property
    def present(self) -> list[User]:
        return [user for user in self.users.values() if user.present]

    @property
    def running(self) -> bool:
        """Whether somebody is there: bbb-web's `running` says no more than that."""
        return bool(self.present)


class Meetings:
    """All meetings of the host.

    clock: epoch seconds
    minute: the seconds that a minute of the expiry lasts
    ended: called for each meeting that ends, for its media
    """

    def __init__(
        self,
        clock: Callable[[], float],
        minute: Callable[[], float],
        ended: Callable[[Meeting], None],
    ) -> None:
        self.all: dict[str, Meeting] = {}
        self._clock, self._minute, self._ended = clock, minute, ended

    def live(self, external_id: str) -> Meeting | None:
        """The meeting of this ID that has not ended."""
        matching = (it for it in self.all.values() if it.external_id == external_id)
        return next((it for it in matching if it.ended is None), None)

    def any(self, external_id: str) -> Meeting:
        """The live meeting of this ID, or the one that ended last. Raises Refused."""
        matching = [it for it in self.all.values() if it.external_id == external_id]
        if not matching:
            raise Refused("notFound", "A meeting with that ID does not exist")
        return self.live(external_id) or matching[-1]

    def add(self, meeting: Meeting) -> None:
        """Raises Refused if another live meeting has the voice bridge."""
        bridges = {it.voice_bridge for it in self.all.values() if it.ended is None}
        if meeting.voice_bridge in bridges:
            raise Refused("nonUniqueVoiceBridge", "The selected voice bridge is already in use.")
        meeting.emptied = meeting.created
        self.all[meeting.internal_id] = meeting
        if meeting.parent is not None:
            self.all[meeting.parent].breakouts.append(meeting.external_id)

    def free_bridge(self) -> str:
        taken = {it.voice_bridge for it in self.all.values()}
        while (bridge := str(10000 + secrets.randbelow(90000))) in taken:
            pass
        return bridge

    def user(self, token: str) -> tuple[Meeting, User] | None:
        """Whoever has this session token, in a live meeting."""
        live = (it for it in self.all.values() if it.ended is None)
        return next(((it, it.users[token]) for it in live if token in it.users), None)

    def arrived(self, meeting: Meeting) -> None:
        meeting.has_user_joined = True

    def left(self, meeting: Meeting, user: User) -> None:
        meeting.users.pop(user.token, None)
        if not meeting.running:
            meeting.emptied = self._clock()

    def end(self, meeting: Meeting, why: str, forcibly: bool) -> None:
        """End the meeting with its breakout rooms, and break all flows. A stale one stays."""
        if meeting.stale or meeting.ended is not None:
            return
        meeting.ended, meeting.forcibly_ended = self._clock(), forcibly
        for user in meeting.users.values():
            user.break_off(why)
        self._ended(meeting)
        for room in self.all.values():
            if room.parent == meeting.internal_id:
                self.end(room, why, forcibly)

    def tidy(self) -> None:
        """End those that have been empty for their minutes; forget those that ended."""
        now, minute = self._clock(), self._minute()
        for meeting in list(self.all.values()):
            if meeting.ended is not None:
                if now - meeting.ended >= LISTED_AFTER_END:
                    del self.all[meeting.internal_id]
            elif not meeting.running:
                limit = meeting.left_minutes if meeting.has_user_joined else meeting.empty_minutes
                if now - meeting.emptied >= limit * minute:
                    self.end(meeting, "the meeting was empty", forcibly=False)


def internal_id(external_id: str, created: float) -> str:
    """sha1 of the meetingID, and createTime in milliseconds."""
    return f"{hashlib.sha1(external_id.encode()).hexdigest()}-{int(created * 1000)}"
