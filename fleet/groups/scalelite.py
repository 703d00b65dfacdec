"""group_data/scalelite.py: a load balancer for BigBlueButton, in containers."""

from typing import Annotated

from pydantic import StrictInt, field_validator

from fleet.groups.base import Group
from fleet.ports import Port
from fleet.reading.problems import Invalid
from fleet.values.fields import Text, matching

LEAST_POLLS = 5
"""Scalelite ends all meetings of a node after so many failed polls: poll.rake, and 2 by default."""

Image = Annotated[
    Text,
    matching(
        r"[a-z0-9.-]+(?::[0-9]{1,5})?(?:/[a-z0-9._-]+)+",
        "the name of an image",
        "write one such as docker.io/blindsidenetwks/scalelite, without a tag",
    ),
]
Release = Annotated[
    Text,
    matching(r"v[0-9]+(?:\.[0-9]+){1,2}", "a release of Scalelite", "write one such as v1.8.5"),
]
Digest = Annotated[
    Text,
    matching(
        r"|sha256:[0-9a-f]{64}",
        "the digest of an image",
        'write sha256: and 64 hexadecimal digits, or "" while none is chosen',
    ),
]


class ScaleliteGroup(Group):
    """Scalelite's API and poller, with PostgreSQL and Redis from Debian.

    image: where it is, without a tag; release: the tag whose digest is meant, for people
    digest: which image it is; "" while none is chosen, and then no host can have the role
    unhealthy_polls: after how many failed polls in a row Scalelite gives a node up
    """

    image: Image
    release: Release
    digest: Digest
    unhealthy_polls: Annotated[StrictInt, ...]

    @field_validator("unhealthy_polls")
    @classmethod
    def _ends_no_meetings(cls, polls: int) -> int:
        if not LEAST_POLLS <= polls <= 1000:
            message = f"after {polls} failed polls Scalelite ends every meeting of a node"
            raise Invalid(message, f"write {LEAST_POLLS} or more, and 1000 at most")
        return polls

    @property
    def by_digest(self) -> str:
        """The image as Docker takes it. A tag may mean another image tomorrow."""
        return f"{self.image}@{self.digest}"

    @property
    def ports(self) -> tuple[Port, ...]:
        return (Port("HTTP", 80, to="all"), Port("HTTPS", 443, to="all"))
