"""Who is on call when: group_data/oncall.yml. Each time is said by the clocks of a place."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr, StrictInt, model_validator

from fleet.reading.problems import Invalid
from fleet.values.clock import ClockTime, Moment
from fleet.values.fields import Record, Text, matching, unique

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TeamName = Annotated[
    Text,
    matching(
        r"[a-z][a-z0-9-]{0,31}",
        "a team",
        "use small letters, digits and hyphens, a letter first, such as hypha",
    ),
]


def _days(value: Any) -> Any:
    return DAYS if value == "all" else value


class _Clocked(Record):
    """The record of a span: in Python `from` is a word of the language."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_alias=True)


class Team(Record):
    """people: those who are called while the team is on call, the first of them first"""

    people: Annotated[tuple[Text, ...], unique("person"), Field(min_length=1)]


class Shift(_Clocked):
    """A team's turn, again and again. It ends at the first `until` after each `from`.

    days: those on which it begins, by the clocks of `from`: all, or a list such as [mon, tue]
    """

    team: TeamName
    since: ClockTime = Field(alias="from")
    until: ClockTime
    days: Annotated[tuple[Day, ...], BeforeValidator(_days), unique("day"), Field(min_length=1)] = (
        DAYS
    )


class _Once(_Clocked):
    """Something that holds once, from a moment until a later one."""

    since: Moment = Field(alias="from")
    until: Moment
    why: Text

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "_Once":
        if self.until <= self.since:
            raise Invalid("ends before it begins", "write a later moment for until")
        return self

    def holds(self, moment: datetime) -> bool:
        return self.since <= moment < self.until


class Override(_Once):
    """For once, a team is on call in the place of another one."""

    team: TeamName
    instead_of: TeamName


class AcceptedGap(_Once):
    """Hours without anybody that the teams know of and accept."""


class OnCall(Record):
    """All of group_data/oncall.yml.

    redundancy: who is called for whatever is critical, at any hour
    escalate_minutes: how long something critical goes on until everybody is called, if nobody has
        said that they have it
    """

    teams: Annotated[dict[TeamName, Team], Field(min_length=1)]
    shifts: Annotated[tuple[Shift, ...], Field(min_length=1)]
    redundancy: Annotated[tuple[Text, ...], unique("person"), Field(min_length=2)]
    escalate_minutes: Annotated[StrictInt, Field(ge=5, le=240)]
    overrides: tuple[Override, ...] = ()
    accepted_gaps: tuple[AcceptedGap, ...] = ()

    # Private, so that no file can say it: it follows from people and hosts.
    _ends: Mapping[str, datetime] = PrivateAttr(default_factory=dict)

    def with_ends(self, ends: Mapping[str, datetime]) -> "OnCall":
        """The same, with the moments from which people can act no more, by person."""
        found = self.model_copy()
        found._ends = ends
        return found

    def end_of_person(self, name: str) -> datetime | None:
        """From when the person can act no more; None for never."""
        return self._ends.get(name)

    def can_act(self, name: str, moment: datetime) -> bool:
        """Whether the person can still act at that moment."""
        end = self.end_of_person(name)
        return end is None or end > moment

    def end_of_team(self, name: str) -> datetime | None:
        """From when none of the team's people can act any more; None for never."""
        ends = [self._ends[it] for it in self.teams[name].people if it in self._ends]
        return max(ends) if len(ends) == len(self.teams[name].people) else None

    @property
    def everybody(self) -> tuple[str, ...]:
        """All people of the teams and of the redundancy, each once."""
        named = [person for team in self.teams.values() for person in team.people]
        return tuple(dict.fromkeys([*named, *self.redundancy]))
