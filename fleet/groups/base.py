"""What the classes of all groups have in common."""

from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from fleet.ports import Port
from fleet.values.fields import Packages, Record

Count = Annotated[StrictInt, Field(ge=0, le=100_000)]
Positive = Annotated[StrictInt, Field(ge=1, le=100_000)]

ROLE = "roles"


class Group(Record):
    """What each host of a group should have: a file of group_data.

    member_by: the field of a host's record that makes the host a member. `roles` names the groups
        that are roles.
    accounts: those that the project makes on hosts for its services: no person may have the name
    """

    member_by: ClassVar[str] = ROLE
    accounts: ClassVar[tuple[str, ...]] = ()

    packages: Packages

    @property
    def ports(self) -> tuple[Port, ...]:
        """What each member opens to the network."""
        return ()
