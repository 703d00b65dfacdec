"""group_data/vision.py: the vision board."""

from typing import ClassVar

from fleet.groups.base import Group, Positive
from fleet.ports import Port
from fleet.values.fields import PhpSize


class VisionGroup(Group):
    """The limits of nginx and PHP for the vision board.

    upload_max: the largest request; upload_limit_files: how many files it may have
    memory_limit: the memory that PHP may use for one request
    """

    accounts: ClassVar = ("vision",)

    upload_max: PhpSize
    upload_limit_files: Positive
    memory_limit: PhpSize

    @property
    def ports(self) -> tuple[Port, ...]:
        return (Port("HTTP", 80, to="all"), Port("HTTPS", 443, to="all"))
