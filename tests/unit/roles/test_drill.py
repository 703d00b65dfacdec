"""The files and packages of a host that restores on trial."""

import json
from pathlib import Path

import pytest

from fleet.derived.packages import packages_of
from fleet.model import Fleet
from operations.files import File, Link
from roles import drill
from tests.unit.fleet_samples import OFFSITE, fleet_of, sample
from tests.unit.roles.conftest import Take


@pytest.fixture
def fleet(tmp_path: Path, take: Take) -> Fleet:
    found = fleet_of(tmp_path, sample(offsite1=OFFSITE))
    take(found, "offsite1")
    return found


def test_each_volume_is_restored(fleet: Fleet) -> None:
    texts = {it.path: it.content for it in drill._files() if isinstance(it, File)}
    settings = json.loads(texts["/etc/coop-infra/drill.json"])
    assert settings["max_age"] == 7200
    assert settings["show"][-2:] == ["/usr/local/lib/coop-infra/offsite-manifest", "show"]
    stg, prod = settings["drills"]["stg1"], settings["drills"]["prod1"]
    assert (stg["dataset"], stg["target"]) == (
        "storage/staging/stg1",
        "offsite/storage/staging/stg1",
    )
    assert (stg["ciphertext"], prod["ciphertext"]) == (None, "/media/ciphertext")
    assert prod["uid"] == 20002
    assert prod["site"]["uploads"] == "/media/storage/persistent_vision2.example.org"


def test_a_site_runs_as_in_production_by_the_number_of_its_user(fleet: Fleet) -> None:
    site = fleet.host("prod1").site
    assert site is not None
    nginx, php, link = drill._site_files(fleet.host("prod1"), site)
    assert isinstance(nginx, File) and isinstance(php, File)
    assert "root /var/www/vision2.example.org;" in nginx.content
    assert "location ^~ /files/ {" in nginx.content
    # It follows no link of the uploads: these are a client's.
    root = "/var/www/vision2.example.org"
    assert f"        disable_symlinks on from={root}/files;\n" in nginx.content
    assert "user = 20002\ngroup = 20002\n" in php.content
    assert link == Link(
        "/var/www/vision2.example.org/files", "/media/storage/persistent_vision2.example.org"
    )


def test_the_host_has_what_its_clients_have(fleet: Fleet) -> None:
    assert {"gocryptfs", "nginx-light", "sanoid"} <= packages_of(fleet, fleet.host("offsite1"))
    assert "gocryptfs" not in packages_of(fleet, fleet.host("storage1"))
