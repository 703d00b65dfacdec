"""group_data/offsite.py: a host that keeps copies."""

from typing import Annotated, ClassVar

from pydantic import Field, StrictInt, field_validator

from fleet.groups.base import Positive
from fleet.groups.pool import PoolGroup
from fleet.reading.problems import Invalid
from fleet.values.fields import Record, Size, Text, matching

# 100 KiB a second are 8 GB a day.
LEAST_BANDWIDTH = 100 * 2**10


class RpoHours(Record):
    """Recovery point objectives: how old the newest snapshot may be.

    source: on the storage server; offsite: on the host that keeps the copies
    """

    source: Positive
    offsite: Positive


class OffsiteGroup(PoolGroup):
    """Copies of the storage server, on another host.

    bandwidth: how many bytes a second a pull may take
    drill: when in the week drills begin, by the host's clock
    proof_days: how long a drill that went well counts: for longer than the week until the next
    """

    accounts: ClassVar = ("coop-pull",)
    looks: ClassVar = {"coop_copy_status_timestamp_seconds": 3600}

    bandwidth: Size
    rpo_hours: RpoHours
    drill: Annotated[
        Text,
        matching(
            r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:[01][0-9]|2[0-3]):[0-5][0-9]",
            "a time of the week",
            'write one such as "Sun 04:30"',
        ),
    ]
    proof_days: Annotated[StrictInt, Field(ge=8, le=100_000)]

    @field_validator("bandwidth")
    @classmethod
    def _brings_something(cls, bandwidth: int) -> int:
        if bandwidth < LEAST_BANDWIDTH:
            raise Invalid(
                f"at {bandwidth} bytes a second no copy is ever whole", "add the unit, such as 20M"
            )
        return bandwidth

    def rpo_seconds(self) -> dict[str, int]:
        """How many seconds old the newest snapshot may be, by place: "source" and "offsite"."""
        return {place: hours * 3600 for place, hours in self.rpo_hours}
