"""The storage of a client VM: a part of a host's record."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, field_validator
from pydantic import ValidationInfo as Info

from fleet.reading.problems import Invalid
from fleet.values.fields import Record, Size
from fleet.values.sizes import format_size
from fleet.values.zfs import ZfsProperties

SMALLEST_QUOTA = 2**20


class Volume(Record):
    """The storage of one client VM.

    uid: the user and the group that own the data, no matter who writes through the export
    quota, reservation: in bytes once read
    """

    encrypted: StrictBool
    uid: Annotated[StrictInt, Field(ge=20000, le=29999)]
    quota: Size
    reservation: Size | None = None
    properties: ZfsProperties = ZfsProperties()

    @field_validator("quota")
    @classmethod
    def _has_a_unit(cls, quota: int) -> int:
        if quota < SMALLEST_QUOTA:
            raise Invalid(f"{quota} bytes hold nothing", "add the unit, such as 200G")
        return quota

    @field_validator("reservation")
    @classmethod
    def _fits(cls, reservation: int | None, info: Info) -> int | None:
        quota = info.data.get("quota")
        if reservation and quota and reservation > quota:
            raise Invalid(
                f"{format_size(reservation)} is more than the quota",
                f"reserve at most {format_size(quota)}",
            )
        return reservation
