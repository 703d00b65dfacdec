from pathlib import Path

import pytest

from fleet.derived.datasets import dataset_name, datasets_of
from fleet.derived.exports import exports_of
from tests.unit.fleet_samples import REMOVED, fleet_of, sample


def test_every_dataset_comes_after_its_parent(tmp_path: Path) -> None:
    names = [dataset.name for dataset in datasets_of(fleet_of(tmp_path, sample()))]
    assert names == [
        "storage",
        "storage/prod",
        "storage/staging",
        "storage/staging/stg1",
        "storage/prod/prod1",
    ]


def test_a_volume_has_its_own_properties_and_inherits_the_rest(tmp_path: Path) -> None:
    by_name = {dataset.name: dataset for dataset in datasets_of(fleet_of(tmp_path, sample()))}
    volume = by_name["storage/prod/prod1"]
    assert volume.properties == {
        "quota": 1649267441664,
        "reservation": 20 * 2**30,
        "recordsize": 2**20,
        "sync": "always",
    }
    assert volume.owner == (20002, 20002)
    # A run makes the volume inherit these again, if somebody has set them by hand.
    assert {"compression", "setuid", "exec", "acltype"} <= set(volume.inherited)
    assert by_name["storage/staging/stg1"].properties == {
        "quota": 20 * 2**30,
        "reservation": 0,
    }


def test_the_environments_pass_their_properties_on_and_hold_nothing(tmp_path: Path) -> None:
    pool, prod, staging = datasets_of(fleet_of(tmp_path, sample()))[:3]
    assert (pool.properties, pool.owner) == ({}, None)
    assert prod.properties == staging.properties
    assert prod.properties["canmount"] == "off"
    assert prod.properties["compression"] == "lz4"
    assert prod.owner is None


def test_the_environments_stay_without_a_volume(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample(stg1=REMOVED))
    assert "storage/staging" in [dataset.name for dataset in datasets_of(fleet)]


def test_a_volume_is_exported_to_its_client_in_the_vpn_alone(tmp_path: Path) -> None:
    export = exports_of(fleet_of(tmp_path, sample()))[1]
    assert export.path == "/storage/prod/prod1"
    assert export.client == "10.66.0.22"
    assert {"mountpoint", "all_squash", "anonuid=20002", "anongid=20002"} <= set(export.options)


def test_an_fsid_stays_the_same_for_ever(tmp_path: Path) -> None:
    # Another value would make every mounted client's file handles stale.
    export = exports_of(fleet_of(tmp_path, sample()))[1]
    assert "fsid=2814d3dd-7ffc-5524-9eb7-f7834f11d847" in export.options


def test_every_export_has_an_fsid_of_its_own(tmp_path: Path) -> None:
    found = exports_of(fleet_of(tmp_path, sample()))
    fsids = {option for export in found for option in export.options if "fsid=" in option}
    assert len(fsids) == len(found)


def test_a_host_without_a_volume_has_no_dataset(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample())
    with pytest.raises(ValueError, match="storage1 has no volume"):
        dataset_name(fleet, fleet.storage_host)
