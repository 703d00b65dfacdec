"""The copies off-site: all environments of the storage server, each with its own retention."""

from dataclasses import dataclass

from fleet.derived.datasets import ENVIRONMENTS
from fleet.groups.pool import Retention
from fleet.model import Fleet


@dataclass(frozen=True)
class Copy:
    """The datasets below one dataset of the storage server, which are copied to below another.

    source: on the storage server, e.g. "storage/prod"
    target: on the host that keeps the copies, e.g. "offsite/storage/prod"
    """

    source: str
    target: str
    retention: Retention


def copies_of(fleet: Fleet) -> list[Copy]:
    """One copy for each environment, also without volumes: copies that are there stay."""
    return [
        Copy(
            source=f"{fleet.storage.pool.name}/{environment}",
            target=f"{fleet.offsite.pool.name}/{fleet.storage.pool.name}/{environment}",
            retention=getattr(fleet.offsite.snapshots, environment),
        )
        for environment in ENVIRONMENTS
    ]
