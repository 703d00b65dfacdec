"""The copies off-site: all of the storage server, each environment with its own retention."""

from dataclasses import dataclass

from fleet.derived.datasets import ENVIRONMENTS
from fleet.groups.pool import Retention
from fleet.model import Fleet


@dataclass(frozen=True)
class Copy:
    """What is below one dataset of the storage server, and where a copy of it is kept.

    source: e.g. "storage/prod"
    target: e.g. "offsite/storage/prod"
    """

    source: str
    target: str
    retention: Retention


def copies_of(fleet: Fleet) -> list[Copy]:
    """One for each environment, whether or not it has volumes: what is there is kept."""
    return [
        Copy(
            source=f"{fleet.storage.pool.name}/{environment}",
            target=f"{fleet.offsite.pool.name}/{fleet.storage.pool.name}/{environment}",
            retention=getattr(fleet.offsite.snapshots, environment),
        )
        for environment in ENVIRONMENTS
    ]
