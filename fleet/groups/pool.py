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
        # zpool-create(8)
        r"(?!mirror|raidz|draid|spare|log$|c[0-9])[a-z][a-z0-9_-]{0,63}",
        "a name that a pool can have here",
        "use small letters, digits, - and _, a letter first, and none of ZFS's own words such as "
        "mirror at its beginning",
    ),
]


class Pool(Record):
    """The ZFS pool. ashift: the sector size as a power of two, e.g. 12 for 4096 bytes."""

    name: PoolName
    layout: Literal["mirror", "raidz1", "raidz2", "single"]
    ashift: Annotated[StrictInt, Field(ge=9, le=16)]


class Retention(Record):
    """How many snapshots of each kind sanoid keeps.

    The data has to write all four numbers. sanoid destroys the snapshots over the number, so a
    number that is forgotten must not count as 0.
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
    """A host with a pool. scrub: how often the host reads and checks all blocks of the pool."""

    pool: Pool
    snapshots: Snapshots
    scrub: Literal["weekly", "monthly"]
