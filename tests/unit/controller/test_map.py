"""The fleet as a picture."""

from pathlib import Path

from controller.map import digest, dot
from fleet import ROOT
from fleet.load import load
from tests.unit.fleet_samples import HUB, OFFSITE, PEOPLE, fleet_of, sample

PERSON = {
    **PEOPLE["people"]["ops-hypha-1"],
    "vpn": {
        "public_key": "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ=",
        "addresses": ["10.66.1.11", "fd66:0:0:1::11"],
    },
}
BACKUP = {"store": "a.example.org:/b", "directories": ["/etc"], "quiesce": []}


def drawn(directory: Path, addresses: bool = False) -> str:
    data = sample(offsite1=OFFSITE, vpn1={**HUB, "backup": BACKUP})
    return dot(fleet_of(directory, data, {"people": {"ops-hypha-1": PERSON}}), addresses)


def test_the_picture_in_the_readme_is_that_of_the_sample_data() -> None:
    """Fails after a change of the sample data, until `make map`."""
    picture = (ROOT / "docs/map.svg").read_text()
    assert digest(dot(load(Path("inventories/coop.yml")))) in picture
    assert "(docs/map.svg)" in (ROOT / "README.md").read_text()


def test_each_host_is_in_its_environment_and_what_goes_between_them_is_drawn(
    tmp_path: Path,
) -> None:
    text = drawn(tmp_path)
    production = text.partition("cluster_prod {")[2].partition("}")[0]
    assert '"prod1" [label="prod1\\nvision\\nencrypted volume\\nvision2.example.org"]' in production
    for edge in (
        '"storage1" -> "prod1" [label="NFS", dir=both]',
        '"storage1" -> "offsite1" [label="pulled every hour"]',
        '"vpn1" -> "store: vpn1" [label="a set every night"]',
        '"people: admin on all" -> "vpn1" [label="WireGuard"]',
    ):
        assert edge in text


def test_a_host_outside_of_the_vpn_is_drawn_outside(tmp_path: Path) -> None:
    host = {"roles": [], "environment": "prod", "address": "192.0.2.90"}
    text = dot(fleet_of(tmp_path, sample(other1=host)))
    assert text.index('"other1"') > text.index("cluster_vpn")
    assert "other1" not in text.partition("cluster_vpn {")[2].partition("\n  }\n")[0]


def test_addresses_are_shown_if_they_are_asked_for(tmp_path: Path) -> None:
    assert "192.0.2" not in drawn(tmp_path) and "10.66" not in drawn(tmp_path)
    assert "192.0.2.22" in drawn(tmp_path, addresses=True)
    assert "10.66.0.22" in drawn(tmp_path, addresses=True)
