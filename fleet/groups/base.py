"""What the classes of all groups have in common."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from fleet.ports import Port
from fleet.values.fields import Packages, Record

Count = Annotated[StrictInt, Field(ge=0, le=100_000)]
Positive = Annotated[StrictInt, Field(ge=1, le=100_000)]

ROLE = "roles"


class Group(Record):
    """What each host of a group should have: the model of a file of group_data.

    member_by: the field of a host's record that makes the host a member. With `roles` the group is
        a role, and the record's `roles` have to name it.
    accounts: the accounts that a run makes on hosts for services: no person may have such a name
    in_drills: whether drills run the group's programs, so that hosts with drills need its packages
    confined: whether its hosts fetch what strangers name, so that they reach no private network
    calls: whether its hosts call people, so that runs on them need to know who is on call
    looks: the metrics by which programs of the group say when they last looked, and after how many
        seconds such a time is old: monitoring tells of a host that lacks one, or has an old one
    """

    member_by: ClassVar[str] = ROLE
    accounts: ClassVar[tuple[str, ...]] = ()
    in_drills: ClassVar[bool] = True
    confined: ClassVar[bool] = False
    calls: ClassVar[bool] = False
    looks: ClassVar[Mapping[str, int]] = {}

    packages: Packages

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports that each member opens to the network."""
        return ()
