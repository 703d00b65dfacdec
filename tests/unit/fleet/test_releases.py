from fleet.releases import DEBIAN, POOL_FEATURES
from operations.pool_features import IN_STREAMS, READ_ONLY_COMPATIBLE


def test_each_release_for_pools_has_a_list_of_features() -> None:
    assert {it.zfs for it in DEBIAN.values()} == POOL_FEATURES.keys()
    # wc -l of the files without their first line.
    assert {version: len(names) for version, names in POOL_FEATURES.items()} == {
        (2, 1): 34,
        (2, 3): 44,
    }
    assert DEBIAN[12].pool_features < DEBIAN[13].pool_features
    assert (DEBIAN[12].title, DEBIAN[12].zfs_features) == ("Debian 12", "openzfs-2.1-linux")


def test_what_is_said_of_a_feature_is_of_one_that_a_release_may_lack() -> None:
    newer = DEBIAN[13].pool_features - DEBIAN[12].pool_features
    assert newer >= READ_ONLY_COMPATIBLE
    assert newer >= IN_STREAMS
