"""What hosts with a ZFS pool have in common."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt, field_validator
from pydantic import ValidationInfo as Info

from fleet.groups.base import Count, Group
from fleet.reading.problems import Invalid
from fleet.values.fields import Record, Text, matching

PoolName = Annotated[
    Text,
    matching(
        r"(?!(?:mirror|raidz|draid|spare|log|c[0-9]))[a-z][a-z0-9_-]{0,63}",
        "a pool name",
        "use small letters, digits, - and _, and none of ZFS's own words such as mirror",
    ),
]


class Pool(Record):
    """The ZFS pool. ashift is the power of two of the disks' sector size: 12 is 4096 bytes."""

    name: PoolName
    layout: Literal["mirror", "raidz1", "raidz2", "single"]
    ashift: Annotated[StrictInt, Field(ge=9, le=16)]


class Retention(Record):
    """How many snapshots of each age sanoid keeps.

    All are written out: sanoid destroys what is over the number, so none may fall to 0 by absence.
    """

    hourly: Count
    daily: Count
    weekly: Count
    monthly: Count

    @field_validator("monthly")
    @classmethod
    def _keeps_some(cls, monthly: int, info: Info) -> int:
        if len(info.data) == 3 and not any((monthly, *info.data.values())):
            raise Invalid("with all four at 0 no snapshot is kept", "keep at least some daily ones")
        return monthly


class Snapshots(Record):
    """The retention of each environment."""

    prod: Retention
    staging: Retention


class PoolGroup(Group):
    """A host with a pool: the snapshots that it keeps, and how often all of it is read."""

    pool: Pool
    snapshots: Snapshots
    scrub: Literal["weekly", "monthly"]
