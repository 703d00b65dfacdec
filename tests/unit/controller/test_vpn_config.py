"""A person's configuration is what wg-quick accepts, and holds no key that was not given."""

import base64
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from controller.vpn_config import (
    PRESHARED_KEY,
    PRIVATE_KEY,
    Refused,
    config,
    hub_for,
    person_named,
    private_key_in,
)
from fleet import ROOT
from fleet.model import Fleet
from tests.unit.fleet_samples import HUB, NOW, PEOPLE, fleet_of, sample

PRIVATE = X25519PrivateKey.generate()
SECRET = base64.b64encode(
    PRIVATE.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
).decode()
PUBLIC = base64.b64encode(
    PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
).decode()
HUB_KEY = "rELDb80cm0s2Xj6YJ5ghF0ArzW3QLZVB0dj7zZshNlk="
VPN = {"public_key": PUBLIC, "addresses": ["10.66.1.11", "fd66:0:0:1::11"]}


def fleet(directory: Path, vpn: Any = VPN, **fields: Any) -> Fleet:
    spare = PEOPLE["people"]["ops-hypha-1"]
    web = {"coop": "hypha", "access": {"vision": "login"}, "vpn": vpn, **fields}
    people = {"people": {"ops-hypha-1": spare, "web-1": web}}
    second = {
        **HUB,
        "address": "192.0.2.32",
        "vpn": {
            "addresses": ["10.66.0.32", "fd66::32"],
            "people": ["10.66.2.0/24", "fd66:0:0:2::/64"],
        },
    }
    return fleet_of(directory, sample(vpn1=HUB, vpn2=second), people)


def test_the_whole_file(tmp_path: Path) -> None:
    found = fleet(tmp_path)
    person = found.people["web-1"]
    assert config(found, person, hub_for(found, person, ""), {"vpn1": HUB_KEY}) == (
        "# web-1, through vpn1\n"
        "[Interface]\n"
        f"PrivateKey = {PRIVATE_KEY}\n"
        "Address = 10.66.1.11/32, fd66:0:0:1::11/128\n"
        "\n"
        "[Peer]\n"
        f"PublicKey = {HUB_KEY}\n"
        "AllowedIPs = 10.66.0.0/24, fd66::/64\n"
        "Endpoint = 192.0.2.31:51820\n"
        "PersistentKeepalive = 25\n"
    )


def test_a_preshared_key_has_its_place(tmp_path: Path) -> None:
    found = fleet(tmp_path, {**VPN, "preshared": True})
    person = found.people["web-1"]
    text = config(found, person, found.host("vpn1"), {"vpn1": HUB_KEY})
    assert f"PresharedKey = {PRESHARED_KEY}\n" in text


def test_a_hub_without_a_key_is_no_way_in(tmp_path: Path) -> None:
    found = fleet(tmp_path)
    with pytest.raises(Refused, match="vpn1 has no key yet: run the deploy"):
        config(found, found.people["web-1"], found.host("vpn1"), {})


def test_of_several_hubs_one_is_named(tmp_path: Path) -> None:
    both = [*VPN["addresses"], "10.66.2.11", "fd66:0:0:2::11"]
    found = fleet(tmp_path, {**VPN, "addresses": both})
    person = found.people["web-1"]
    assert hub_for(found, person, "vpn2").name == "vpn2"
    for name in ("", "storage1", "vpn9"):
        with pytest.raises(Refused, match="HUB=vpn1 or HUB=vpn2"):
            hub_for(found, person, name)


def test_who_has_no_way_in_is_told_why(tmp_path: Path) -> None:
    found = fleet(tmp_path, expires=date(2026, 11, 24))
    for name, why in (
        ("web-9", "there are ops-hypha-1, web-1"),
        ("ops-hypha-1", "no vpn in their record"),
        ("web-1", "ended on 2026-11-24"),
    ):
        with pytest.raises(Refused, match=why):
            person_named(found, name, NOW)


def test_the_person_s_own_key_is_taken(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    assert private_key_in(tmp_path / "key", fleet(tmp_path).people["web-1"]) == SECRET


@pytest.mark.parametrize("content", [HUB_KEY, "", "not base64!", PUBLIC])
def test_no_other_key_is_taken_or_shown(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(Refused) as caught:
        private_key_in(tmp_path / "key", fleet(tmp_path).people["web-1"])
    assert not content or content not in str(caught.value)


def test_a_key_in_the_place_of_its_file_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        private_key_in(Path(SECRET), fleet(tmp_path).people["web-1"])
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("arguments", [[], ["inventories/coop.yml"], ["inventories/coop.yml", ""]])
def test_without_a_person_it_says_how_to_name_one(arguments: list[str]) -> None:
    words = [sys.executable, "-m", "controller.vpn_config", *arguments]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("name the person: make vpn-config PERSON=")
