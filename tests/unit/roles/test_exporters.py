"""What a run puts on a host in the VPN, so that the host shows how it stands."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from facts.systemd import UnitsState, UnitState
from fleet.derived.ports import ports_of
from fleet.model import Fleet
from operations.files import Entry, File
from programs.metrics import Settings, settings_of
from roles import exporters
from roles.places import METRICS_DIRECTORY
from tests.unit.fleet_samples import HUB, KEY, OFFSITE, fleet_of, sample
from tests.unit.roles.conftest import Take

PEOPLE: dict[str, Any] = {
    "people": {
        "ops-hypha-1": {"coop": "hypha", "access": {"all": "admin"}, "ssh_keys": [{"key": KEY}]},
        "guest-hypha-1": {
            "coop": "hypha",
            "access": {"prod1": "login"},
            "expires": date(2100, 1, 31),
            "ssh_keys": [{"key": KEY.replace("IFntBfwj", "IFntBfwk")}],
        },
    }
}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return fleet_of(tmp_path, sample(offsite1=OFFSITE, vpn1=HUB), PEOPLE)


def texts(of: list[Entry]) -> dict[str, str]:
    return {it.path: it.content for it in of if isinstance(it, File)}


def told(fleet: Fleet, name: str, take: Take) -> Settings:
    take(fleet, name)
    return settings_of(json.loads(texts(exporters._files())["/etc/coop-infra/metrics.json"]))


def test_a_storage_server_should_have_its_pool_volumes_and_exports(
    fleet: Fleet, take: Take
) -> None:
    found = told(fleet, "storage1", take)
    assert (found.pool, found.module) == ("storage", "zfs")
    assert found.datasets == ["storage/prod/prod1", "storage/staging/stg1"]
    assert found.exports == [
        ("/storage/prod/prod1", "10.66.0.22"),
        ("/storage/staging/stg1", "10.66.0.21"),
    ]
    assert (found.mounts, found.accounts) == ({}, [])


def test_a_host_of_copies_has_a_pool_and_serves_nobody(fleet: Fleet, take: Take) -> None:
    found = told(fleet, "offsite1", take)
    assert (found.pool, found.datasets, found.exports) == ("offsite", [], [])


def test_a_client_should_have_its_mounts_and_whoever_has_a_last_day(
    fleet: Fleet, take: Take
) -> None:
    found = told(fleet, "prod1", take)
    assert found.pool is None
    assert found.mounts == {"/media/ciphertext": "nfs4", "/media/storage": "fuse.gocryptfs"}
    assert found.accounts == ["guest-hypha-1"]
    assert told(fleet, "stg1", take).mounts == {"/media/storage": "nfs4"}


def test_it_tells_of_the_tunnels_to_servers_that_it_uses(fleet: Fleet, take: Take) -> None:
    assert [*told(fleet, "prod1", take).peers.items()] == [
        ("10.66.0.11/32", "storage1"),
        ("10.66.0.31/32", "vpn1"),
    ]
    others = {name: [*told(fleet, name, take).peers.values()] for name in ("storage1", "offsite1")}
    assert others == {
        "storage1": ["offsite1", "prod1", "stg1", "vpn1"],
        "offsite1": ["storage1", "vpn1"],
    }


def test_it_listens_within_the_vpn_alone(fleet: Fleet, take: Take) -> None:
    take(fleet, "prod1")
    text = exporters._drop_in().content
    assert "\nExecStart=\nExecStart=/usr/bin/prometheus-node-exporter " in text
    assert text.count("--web.listen-address=") == 1
    assert " --web.listen-address=10.66.0.22:9100 " in text
    assert f"--collector.textfile.directory={METRICS_DIRECTORY} " in text
    ports = {port.name: port.to for port in ports_of(fleet, fleet.host("prod1"))}
    assert ports["Metrics"] == "vpn"


def test_what_may_hang_is_not_asked_how_full_it_is(fleet: Fleet, take: Take) -> None:
    """https://github.com/prometheus/node_exporter/issues/868"""
    take(fleet, "prod1")
    text = exporters._drop_in().content
    assert "|fuse.*|" in text and "|nfs4?|" in text


def test_units_that_do_not_run_are_drift() -> None:
    active = dict.fromkeys(exporters.UNITS, UnitState(active="active"))
    assert not exporters.judge(UnitsState(active)).drift
    assert exporters.judge(UnitsState()).drift == [f"{it} does not run" for it in exporters.UNITS]
    failed = active | {exporters.EXPORTER: UnitState(active="failed")}
    assert exporters.judge(UnitsState(failed)).drift == [f"{exporters.EXPORTER} does not run"]
