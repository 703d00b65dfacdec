"""Features of a pool that another host with a pool does not know.

Sources: zpool-features(7), zpoolprops(7) and module/zfs/dmu_send.c of OpenZFS 2.3.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from facts.pool_state import PoolState

# Of those since OpenZFS 2.1: ZFEATURE_FLAG_READONLY_COMPAT in module/zcommon/zfeature_common.c.
# One that is not known may hinder more.
READ_ONLY_COMPATIBLE = frozenset({"block_cloning", "fast_dedup", "large_microzap", "zilsaxattr"})
# Of those since OpenZFS 2.1: a stream of a dataset that uses one has a flag of its own
# (setup_featureflags in dmu_send.c), and zfs-receive(8) refuses a flag that it does not know.
IN_STREAMS = frozenset({"large_microzap", "longname"})


@dataclass(frozen=True)
class Limit:
    """The features that a pool may have, so that each host with a pool can import and receive it.

    file: their list in /usr/share/zfs/compatibility.d: zpool-features(7)
    release: the oldest on a host with a pool, which knows no others, e.g. "Debian 12"
    features: their names
    newer: what newer releases know that a host with a pool may have, by their names, oldest first
    """

    file: str
    release: str
    features: Collection[str]
    newer: Mapping[str, Collection[str]] = field(default_factory=dict)


def beyond(now: PoolState, limit: Limit) -> list[str]:
    """What it means that the pool has features beyond the limit, a sentence or two each.

    Empty if the pool has none. Only an imported pool shows its features.
    """
    new = {name: how for name, how in now.features.items() if name not in limit.features}
    enabled = {name for name, how in new.items() if how == "enabled"}
    return [
        *_in_use(new, new.keys() - enabled, limit),
        *_sent(new.keys() - enabled, limit),
        *_waiting(enabled, limit),
    ]


def _in_use(new: Mapping[str, str], used: Collection[str], limit: Limit) -> list[str]:
    if not used:
        return []
    reads = all(name in READ_ONLY_COMPATIBLE or new[name] == "readonly" for name in used)
    means = "can import the pool read-only alone, by hand" if reads else "cannot import the pool"
    return [
        f"active on the pool and not known to {limit.release}: {_names(used)}. A host with "
        f"{limit.release} {means}. {_remedy(used, limit)}"
    ]


def _sent(used: Collection[str], limit: Limit) -> list[str]:
    if not (sent := IN_STREAMS.intersection(used)):
        return []
    return [
        f"a dataset that uses {_names(sent)} reaches no host with {limit.release} by zfs send; "
        "copies of other datasets go on"
    ]


def _waiting(enabled: Collection[str], limit: Limit) -> list[str]:
    if not enabled:
        return []
    return [
        f"enabled on the pool, not active, and not known to {limit.release}: {_names(enabled)}. "
        f"Once one of them is used, a host with {limit.release} cannot import the pool for "
        f"writing any more. {_remedy(enabled, limit)}"
    ]


def _remedy(names: Collection[str], limit: Limit) -> str:
    anew = "make the pool anew: docs/move-to-debian-13.md"
    for release, features in limit.newer.items():
        if set(features).issuperset(names):
            return f"Nothing disables a feature: move all hosts with a pool to {release}, or {anew}"
    return f"Nothing disables a feature, and no release that a host may have knows it: {anew}"


def not_importable(lacks: Collection[str]) -> str:
    """Why a pool with features that the host's own OpenZFS lacks is not imported, and the remedy.

    lacks: the features; empty if they are not known by name
    """
    return (
        "the pool is there, and this host's OpenZFS does not know features that are active on it "
        f"({_names(lacks) or 'zpool import does not name them'}). Give the host the release that "
        "the pool was used with: docs/move-to-debian-13.md"
    )


def _names(features: Collection[str]) -> str:
    return ", ".join(sorted(features))
