"""What the pools of a fleet have in common."""

from fleet.groups import POOLED
from fleet.model import Fleet
from fleet.releases import DEBIAN, Release


def oldest_of(fleet: Fleet) -> Release:
    """The release with the oldest OpenZFS on a host with a pool.

    A pool may have the features that it knows, so that each of these hosts can import and receive
    the pool.
    """
    releases = [it.release for it in fleet.hosts.values() if set(POOLED).intersection(it.roles)]
    return min(releases, key=lambda it: it.zfs)


def newer_than(release: Release) -> list[Release]:
    """The releases with a newer OpenZFS that a host with a pool may have, the oldest first."""
    return sorted((it for it in DEBIAN.values() if it.zfs > release.zfs), key=lambda it: it.zfs)
