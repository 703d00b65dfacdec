import pytest

from facts.pool_state import PoolState
from fleet.releases import DEBIAN
from operations.pool_features import (
    IN_STREAMS,
    READ_ONLY_COMPATIBLE,
    Limit,
    beyond,
    not_importable,
)

OLD, NEW = DEBIAN[12], DEBIAN[13]
OF_12 = Limit(OLD.zfs_features, OLD.title, OLD.pool_features, {NEW.title: NEW.pool_features})
OF_13 = Limit(NEW.zfs_features, NEW.title, NEW.pool_features)
REMEDY = (
    "Nothing disables a feature: move all hosts with a pool to Debian 13, or make the pool anew: "
    "docs/move-to-debian-13.md"
)
NO_RELEASE = (
    "Nothing disables a feature, and no release that a host may have knows it: make the pool "
    "anew: docs/move-to-debian-13.md"
)


def said(limit: Limit, **features: str) -> list[str]:
    known = {"lz4_compress": "active", "large_blocks": "active", "draid": "enabled"}
    return beyond(PoolState(True, "ONLINE", features={**known, **features}), limit)


def test_a_pool_without_newer_features_has_nothing_to_say() -> None:
    assert said(OF_12) == said(OF_13) == beyond(PoolState(), OF_12) == []


def test_if_all_hosts_with_a_pool_are_new_their_features_are_nothing_to_speak_of() -> None:
    newer = dict.fromkeys(NEW.pool_features - OLD.pool_features, "active")
    assert said(OF_13, **newer) == []
    assert len(said(OF_12, **newer)) == 2


def test_an_active_feature_keeps_the_older_release_from_importing_the_pool() -> None:
    assert said(OF_12, vdev_zaps_v2="active", head_errlog="active", block_cloning="active") == [
        "active on the pool and not known to Debian 12: block_cloning, head_errlog, vdev_zaps_v2. "
        f"A host with Debian 12 cannot import the pool. {REMEDY}"
    ]


@pytest.mark.parametrize("feature", sorted(READ_ONLY_COMPATIBLE - IN_STREAMS))
def test_what_is_read_only_compatible_can_be_imported_read_only(feature: str) -> None:
    assert said(OF_12, **{feature: "active"}) == [
        f"active on the pool and not known to Debian 12: {feature}. A host with Debian 12 can "
        f"import the pool read-only alone, by hand. {REMEDY}"
    ]


def test_a_pool_that_is_imported_read_only_for_a_feature_can_be_imported_so() -> None:
    (sentence,) = said(OF_12, later="readonly")
    assert "A host with Debian 12 can import the pool read-only alone" in sentence


def test_a_feature_that_is_only_enabled_hinders_nothing_yet() -> None:
    assert said(OF_12, blake3="enabled") == [
        "enabled on the pool, not active, and not known to Debian 12: blake3. Once one of them is "
        f"used, a host with Debian 12 cannot import the pool for writing any more. {REMEDY}"
    ]


@pytest.mark.parametrize("feature", sorted(IN_STREAMS))
def test_a_dataset_with_a_feature_that_its_stream_needs_cannot_be_copied(feature: str) -> None:
    assert said(OF_12, **{feature: "active"})[1:] == [
        f"a dataset that uses {feature} reaches no host with Debian 12 by zfs send; copies of "
        "other datasets go on"
    ]
    assert not [it for it in said(OF_12, **{feature: "enabled"}) if "zfs send" in it]


def test_a_feature_that_no_list_has_is_told_to_be_of_no_release() -> None:
    """Nothing promises that such a pool can be imported anywhere else."""
    for limit in (OF_12, OF_13):
        assert said(limit, later="active") == [
            f"active on the pool and not known to {limit.release}: later. A host with "
            f"{limit.release} cannot import the pool. {NO_RELEASE}"
        ]
    enabled = said(OF_12, later="enabled", blake3="active")
    assert [REMEDY in enabled[0], NO_RELEASE in enabled[1]] == [True, True]


def test_why_a_pool_is_not_imported() -> None:
    assert "active on it (blake3, longname). Give the host" in not_importable(
        ["longname", "blake3"]
    )
    assert "(zpool import does not name them)" in not_importable([])
