"""group_data/backups.py: a host with a `backup`."""

from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from fleet.groups.base import Group, Positive
from fleet.values.fields import ClockTime


class BackupsGroup(Group):
    """The sets that hosts make every night of their own files.

    at: when, by the host's clock; night_hours: how long it may take
    keep: how many nights; rpo_hours: how old the newest may be, besides night_hours
    check_minutes: how long a night then looks for damage, and goes on where the last one ended
    """

    member_by: ClassVar = "backup"

    at: ClockTime
    keep: Positive
    night_hours: Annotated[StrictInt, Field(ge=1, le=23)]
    check_minutes: Annotated[StrictInt, Field(ge=1, le=59)]
    rpo_hours: Positive
