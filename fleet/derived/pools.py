"""What the pools of a fleet have in common."""

from fleet.groups import POOLED
from fleet.model import Fleet


def features_of(fleet: Fleet) -> str:
    """The features that a pool may have, so that each host with a pool can import and receive it.

    They are those of the oldest OpenZFS on a host with a pool.
    """
    releases = [it.release for it in fleet.hosts.values() if set(POOLED).intersection(it.roles)]
    return min(releases, key=lambda it: it.zfs).zfs_features
