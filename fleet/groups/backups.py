"""group_data/backups.py: a host with a `backup`."""

from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from fleet.groups.base import Group, Positive
from fleet.values.fields import ClockTime


class BackupsGroup(Group):
    """The sets that hosts make every night of their own files.

    at: when a night begins, by the host's clock
    night_hours: how long a night may take
    keep: how many nights' sets the host keeps
    rpo_hours: how old the newest set may be, on top of night_hours
    check_minutes: how long a night, after its set, reads on in the store to find damage
    """

    member_by: ClassVar = "backup"
    looks: ClassVar = {"coop_set_status_timestamp_seconds": 3 * 3600}

    at: ClockTime
    keep: Positive
    night_hours: Annotated[StrictInt, Field(ge=1, le=23)]
    check_minutes: Annotated[StrictInt, Field(ge=1, le=59)]
    rpo_hours: Positive
