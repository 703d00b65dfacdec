"""The names that recordings have: on the host, in the spool and on the volume."""

import re
from dataclasses import dataclass

# BigBlueButton's internal id of a meeting: SHA-1 of its name, and its time in milliseconds.
_MEETING = r"[0-9a-f]{40}-[0-9]{10,16}"
_FORMAT = r"[a-z]{1,20}"
MEETING = re.compile(_MEETING)
FORMAT = re.compile(_FORMAT)
NAME = re.compile(rf"({_MEETING})-({_FORMAT})")
SPOOLED = re.compile(rf"({_MEETING}-{_FORMAT})\.([0-9a-f]{{16}})\.tar")
KEPT = re.compile(rf"({_MEETING}-{_FORMAT})\.tar")


@dataclass(frozen=True)
class Recording:
    """A published recording in one format.

    mark: of its present state: see published.mark
    since: when it was published, in seconds since 1970
    place: the directory of BigBlueButton's: published, or unpublished
    """

    meeting: str
    format: str
    mark: str
    since: int
    place: str = "published"

    @property
    def name(self) -> str:
        return f"{self.meeting}-{self.format}"

    @property
    def path(self) -> str:
        """Where it is below its place, and within its tar."""
        return f"{self.format}/{self.meeting}"

    @property
    def spooled(self) -> str:
        """Its file in the spool."""
        return f"{self.name}.{self.mark}.tar"
