"""Which peers hosts and people have in the VPN, with which addresses; mistakes between hosts."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fleet.derived.vpn import Peer, hub_peer, server_peers, used_servers
from fleet.model import Fleet
from tests.unit.fleet_samples import (
    HUB,
    MONITOR,
    NOW,
    OFFSITE,
    PEOPLE,
    REMOVED,
    SAMPLE,
    SITE,
    fleet_of,
    problems_of,
    sample,
)

OPERATOR = "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ="
KEYS = {"vpn1": "rELDb80cm0s2Xj6YJ5ghF0ArzW3QLZVB0dj7zZshNlk="}
HUB2 = {
    **HUB,
    "address": "2001:db8::32",
    "vpn": {"addresses": ["10.66.0.32", "fd66::32"], "people": ["10.66.2.0/24", "fd66:0:0:2::/64"]},
}
ADDRESSES = ["10.66.1.11", "fd66:0:0:1::11", "10.66.2.11", "fd66:0:0:2::11"]


def hosts(**changes: Any) -> dict[str, Any]:
    """The sample with two hubs."""
    return sample(**{"vpn1": {**HUB}, "vpn2": {**HUB2}, **changes})


def fleet(directory: Path, **person: Any) -> Fleet:
    vpn = {"public_key": OPERATOR, "addresses": ADDRESSES}
    record = {**PEOPLE["people"]["ops-hypha-1"], "vpn": vpn}
    web = {**record, "ssh_keys": [], "access": {"vision": "login"}, **person}
    spare = {**record, "vpn": None}
    return fleet_of(directory, hosts(), {"people": {"ops-hypha-1": spare, "web-1": web}})


def peers(found: Fleet, host: str) -> dict[str, Peer]:
    return {peer.name: peer for peer in server_peers(found, found.host(host), KEYS, NOW)}


def test_a_server_has_every_other_server_as_its_peer(tmp_path: Path) -> None:
    found = peers(fleet(tmp_path), "prod1")
    assert list(found) == ["stg1", "storage1", "vpn1", "vpn2"]
    assert found["vpn1"] == Peer(
        "vpn1",
        KEYS["vpn1"],
        "192.0.2.31:51820",
        ("10.66.0.31/32", "fd66::31/128", "10.66.1.0/24", "fd66:0:0:1::/64"),
    )


def test_a_host_that_has_made_no_key_yet_is_a_peer_without_one(tmp_path: Path) -> None:
    assert peers(fleet(tmp_path), "prod1")["vpn2"].public_key is None


def test_an_ipv6_endpoint_is_in_brackets(tmp_path: Path) -> None:
    assert peers(fleet(tmp_path), "prod1")["vpn2"].endpoint == "[2001:db8::32]:51820"


def test_a_hub_has_its_people_each_with_their_own_addresses_only(tmp_path: Path) -> None:
    found = peers(fleet(tmp_path), "vpn1")
    assert list(found) == ["prod1", "stg1", "storage1", "vpn2", "web-1"]
    assert found["web-1"] == Peer(
        "web-1", OPERATOR, None, ("10.66.1.11/32", "fd66:0:0:1::11/128"), preshared=False
    )


def test_no_address_is_two_peers(tmp_path: Path) -> None:
    """WireGuard would give the address to the last peer, and say nothing."""
    for host in ("prod1", "vpn1", "vpn2"):
        found = peers(fleet(tmp_path), host).values()
        prefixes = [prefix for peer in found for prefix in peer.allowed_ips]
        assert len(prefixes) == len(set(prefixes))


def test_who_has_expired_is_no_peer(tmp_path: Path) -> None:
    assert "web-1" not in peers(fleet(tmp_path, expires=date(2026, 11, 24)), "vpn1")


def test_a_person_s_peer_is_one_hub_and_leads_to_every_server(tmp_path: Path) -> None:
    found = fleet(tmp_path)
    hub = hub_peer(found, found.host("vpn2"), found.people["web-1"], KEYS)
    assert (hub.name, hub.keepalive, hub.endpoint) == ("vpn2", 25, "[2001:db8::32]:51820")
    assert hub.allowed_ips == ("10.66.0.0/24", "fd66::/64")


@pytest.mark.parametrize(
    ("changes", "place", "says"),
    [
        ({"vpn1__vpn": None}, ("vpn1", "vpn"), "role hub needs"),
        ({"vpn1__vpn": {"addresses": ["10.66.0.31", "fd66::31"]}}, ("vpn1", "vpn"), "needs"),
        ({"prod1__vpn": {**HUB["vpn"]}}, ("prod1", "vpn"), "role hub only"),
        ({"prod1__vpn": REMOVED}, ("prod1", "vpn"), "its data goes through the VPN only"),
        ({"storage1__vpn": None}, ("storage1", "vpn"), "its data goes through the VPN only"),
        (
            {"prod1__vpn": {"addresses": ["10.66.0.22"]}},
            ("prod1", "vpn.addresses"),
            "not one of IPv4 and one of IPv6",
        ),
        (
            {"prod1__vpn": {"addresses": ["10.66.0.31", "fd66::22"]}},
            ("vpn1", "vpn.addresses"),
            "also that of prod1",
        ),
        (
            {"prod1__vpn": {"addresses": ["10.66.1.22", "fd66::22"]}},
            ("prod1", "vpn.addresses"),
            "choose one in 10.66.0.0/24 or fd66::/64",
        ),
        ({"prod1__address": "10.66.2.9"}, ("prod1", "address"), "an address inside the VPN"),
        (
            {"vpn2": {**HUB2, "vpn": {**HUB2["vpn"], "people": HUB["vpn"]["people"]}}},
            ("vpn2", "vpn.people"),
            "overlaps with 10.66.1.0/24 of vpn1",
        ),
        (
            {
                "vpn2": {
                    **HUB2,
                    "vpn": {**HUB2["vpn"], "people": ["10.66.0.0/16", "fd66:0:0:2::/64"]},
                }
            },
            ("vpn2", "vpn.people"),
            "overlaps with 10.66.0.0/24 of group_data/vpn.py",
        ),
        (
            {"vpn2": {**HUB2, "vpn": {**HUB2["vpn"], "people": ["10.66.2.0/24", "10.66.3.0/24"]}}},
            ("vpn2", "vpn.people"),
            "not one of IPv4 and one of IPv6",
        ),
    ],
)
def test_a_mistake_names_host_and_field(
    tmp_path: Path, changes: dict[str, Any], place: tuple[str, str], says: str
) -> None:
    problems = problems_of(tmp_path, hosts(**changes))
    assert says in " ".join(str(it) for it in problems if (it.record, it.field) == place)
    assert all(problem.remedy for problem in problems)


def test_the_sample_itself_is_valid(tmp_path: Path) -> None:
    assert problems_of(tmp_path, hosts()) == []


def used(found: Fleet) -> dict[str, list[str]]:
    return {it.name: [use.name for use in used_servers(found, it)] for it in found.hosts_in_vpn()}


def test_servers_that_use_each_other_are_known_on_both_sides(tmp_path: Path) -> None:
    open_to = {"port": 5000, "to": "watcher", "reason": "a database of somebody's"}
    plain = {"roles": [], "environment": "prod", "address": "192.0.2.61"}
    found = used(
        fleet_of(
            tmp_path,
            sample(
                offsite1=OFFSITE,
                monitor1=MONITOR,
                plain1={**plain, "vpn": {"addresses": ["10.66.0.61", "fd66::61"]}},
                watcher1={
                    **plain,
                    "roles": ["watcher"],
                    "address": "192.0.2.62",
                    "vpn": {"addresses": ["10.66.0.62", "fd66::62"]},
                },
                database1={
                    **plain,
                    "address": "192.0.2.63",
                    "vpn": {"addresses": ["10.66.0.63", "fd66::63"]},
                    "ports": [open_to],
                },
            ),
        )
    )
    assert found["plain1"] == ["monitor1"]
    assert found["prod1"] == ["monitor1", "storage1"]
    assert found["watcher1"] == ["database1", "monitor1"]
    assert found["database1"] == ["monitor1", "watcher1"]
    assert all(name in found[other] for name, others in found.items() for other in others)


def test_the_tunnels_that_are_told_grow_as_the_fleet_does(tmp_path: Path) -> None:
    def count(clients: int) -> int:
        more = {
            f"c{it}": {
                **SAMPLE["hosts"]["prod1"],
                "address": f"198.51.100.{it}",
                "vpn": {"addresses": [f"10.66.0.{100 + it}", f"fd66::{100 + it}"]},
                "volume": {"quota": "1G", "encrypted": False, "uid": 21000 + it},
                "site": {**SITE, "name": f"c{it}.example.org"},
            }
            for it in range(clients)
        }
        hosts = sample(vpn1=HUB, offsite1=OFFSITE, monitor1=MONITOR, **more)
        return sum(map(len, used(fleet_of(tmp_path, hosts)).values()))

    # Each new client uses the hub, the monitor and the storage server, and these use it.
    assert count(60) - count(30) == 30 * 6
