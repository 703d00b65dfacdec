"""group_data/vision.py: the vision board."""

from typing import Annotated, ClassVar

from pydantic import ValidationInfo as Info
from pydantic import field_validator

from fleet.groups.base import Group, Positive
from fleet.ports import Port
from fleet.reading.problems import Invalid
from fleet.values.fields import PhpSize, Text, matching


class VisionGroup(Group):
    """PHP's version, and the limits of nginx and PHP, for the vision board.

    upload_max: the largest request; upload_limit_files: how many files it may have
    memory_limit: the memory that PHP may use for one request
    """

    accounts: ClassVar = ("vision",)

    php: Annotated[Text, matching(r"[0-9]\.[0-9]{1,2}", "a PHP version", 'write one such as "8.2"')]
    upload_max: PhpSize
    upload_limit_files: Positive
    memory_limit: PhpSize

    @field_validator("php")
    @classmethod
    def _is_among_the_packages(cls, php: str, info: Info) -> str:
        wanted, packages = f"php{php}-fpm", info.data.get("packages")
        if packages is not None and wanted not in packages:
            raise Invalid(f"{wanted} is not among the packages", "change `packages` with it")
        return php

    @property
    def ports(self) -> tuple[Port, ...]:
        return (Port("HTTP", 80, to="all"),)
