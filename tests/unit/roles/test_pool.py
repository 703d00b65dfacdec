"""What hosts with a pool have in common."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facts.pool_state import Pool, PoolState
from facts.system import KernelsState, SystemState
from operations import pools, system, zfs
from roles import base, pool
from tests.unit.fleet_samples import OFFSITE, fleet_of, sample
from tests.unit.roles.conftest import Take

BOTH = sample(offsite1={**OFFSITE, "debian": 12})
NEW = sample(offsite1=OFFSITE)
IN_ORDER = PoolState(
    True, "ONLINE", (), True, "openzfs-2.1-linux", {"lz4_compress": "active", "draid": "enabled"}
)
UPGRADED = replace(IN_ORDER, features={"blake3": "enabled", "head_errlog": "active"})


@pytest.fixture
def drift(tmp_path: Path, take: Take) -> Any:
    """The drift that the audit finds on the storage server with this pool."""

    def found(data: Any, now: PoolState) -> list[str]:
        take(fleet_of(tmp_path, data), "storage1")
        look = base.audit()
        assert look.asked[-1] == (Pool, {"pool": "storage"})
        return look.judge(SystemState("debian 13"), KernelsState(), now).drift

    return found


def test_the_audit_tells_features_that_the_oldest_host_with_a_pool_does_not_know(
    drift: Any,
) -> None:
    assert drift(BOTH, IN_ORDER) == []
    active, enabled = drift(BOTH, UPGRADED)
    assert active.startswith(
        "pool storage: active on the pool and not known to Debian 12: head_errlog. "
    )
    assert "move all hosts with a pool to Debian 13" in active
    assert enabled.startswith("pool storage: enabled on the pool, not active, and not known")


def test_it_says_nothing_of_them_where_all_hosts_with_a_pool_are_new(drift: Any) -> None:
    """The release of a host without a pool does not count."""
    old_client = sample(offsite1=OFFSITE, stg1__debian=12)
    for data in (NEW, old_client):
        assert drift(data, replace(UPGRADED, compatibility="openzfs-2.3-linux")) == []


@pytest.mark.parametrize("found", ["off", "legacy", "openzfs-2.3-linux", "openzfs-2.1-linux,grub2"])
def test_another_limit_than_that_of_the_fleet_is_drift(drift: Any, found: str) -> None:
    assert drift(BOTH, replace(IN_ORDER, compatibility=found)) == [
        f"pool storage: compatibility is {found}, not openzfs-2.1-linux: zpool upgrade would "
        "enable other features than those of Debian 12. A run sets it"
    ]


def test_a_pool_that_is_not_imported_is_drift(drift: Any) -> None:
    assert drift(BOTH, PoolState(ready=True)) == ["pool storage: not imported"]
    (why,) = drift(BOTH, PoolState(True, importable=("UNAVAIL",), lacks=("blake3",)))
    assert why.startswith("pool storage: not imported: the pool is there, and this host's OpenZFS")


@pytest.mark.parametrize(("data", "known"), [(BOTH, False), (NEW, True)])
def test_a_run_takes_the_limit_of_the_oldest_host_with_a_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take: Take, data: Any, *, known: bool
) -> None:
    taken: dict[str, Any] = {}

    def operation(**arguments: Any) -> None:
        taken.update(arguments)

    def nothing(**_: Mapping[str, Any]) -> None:
        pass

    monkeypatch.setattr(pools, "pool", operation)
    monkeypatch.setattr(system, "kernels_have", nothing)
    monkeypatch.setattr(zfs, "datasets", nothing)
    take(fleet_of(tmp_path, data), "storage1")
    pool.converge([])
    limit = taken["limit"]
    assert ("head_errlog" in limit.features) is known
    assert limit.file == ("openzfs-2.3-linux" if known else "openzfs-2.1-linux")
    assert list(limit.newer) == ([] if known else ["Debian 13"])
