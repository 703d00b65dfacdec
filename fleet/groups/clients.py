"""group_data/clients.py: a host with a `volume`."""

from typing import ClassVar

from pydantic import ValidationInfo as Info
from pydantic import field_validator

from fleet.groups.base import Group, Positive
from fleet.reading.problems import Invalid
from fleet.values.fields import AbsolutePath


class ClientsGroup(Group):
    """Where a client mounts its volume, and how often it tries.

    mountpoint: where services find the data in clear
    ciphertext: where an encrypted volume is mounted as the server has it
    retry_seconds: the time from one attempt to start what does not run to the next attempt
    """

    member_by: ClassVar = "volume"

    mountpoint: AbsolutePath
    ciphertext: AbsolutePath
    retry_seconds: Positive

    @field_validator("ciphertext")
    @classmethod
    def _lies_apart(cls, ciphertext: str, info: Info) -> str:
        mountpoint = info.data.get("mountpoint", "")
        inside, outside = f"{ciphertext}/", f"{mountpoint}/"
        if mountpoint and (inside.startswith(outside) or outside.startswith(inside)):
            raise Invalid("this and the mountpoint lie in one another", "put them side by side")
        return ciphertext
