"""What a node needs, as roles ask for it."""

from pathlib import Path
from typing import Any

import pytest

from fleet.derived.bbb import (
    line_of,
    node_of,
    nodes_at,
    packages_of_node,
    patches_of,
    repository_of,
    serving_at,
    sources_of,
    units_of,
)
from fleet.derived.packages import packages_of
from fleet.derived.ports import ports_of
from fleet.model import Fleet
from tests.unit.fleet.bbb_samples import node
from tests.unit.fleet_samples import OFFSITE, REMOVED, fleet_of, sample


def fleet_with(directory: Path, **changes: Any) -> Fleet:
    return fleet_of(directory, sample(bbb1=node(**changes)))


def test_a_release_has_a_directory_of_its_own(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path, bbb__mirror=REMOVED)
    host = fleet.host("bbb1")
    assert repository_of(fleet, host) == "jammy-300-3.0.35"
    first, *others = sources_of(fleet, host)
    assert first.line("/etc/apt/keyrings/bigbluebutton.asc") == (
        "deb [signed-by=/etc/apt/keyrings/bigbluebutton.asc] "
        "https://ubuntu.bigbluebutton.org/jammy-300-3.0.35 bigbluebutton-jammy main"
    )
    assert first.fingerprint == "770C4267C5E63474D171B60937B5DD5EFAB46452"
    yq = next(it for it in others if it.name == "yq")
    assert yq.key.endswith("search=0x9A2D61F6BB03CED7522B8E7D6657DBE0CC86BB64")


def test_a_mirror_stands_in_for_every_source_and_key(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path)
    sources = sources_of(fleet, fleet.host("bbb1"))
    assert sources[0].url == (
        "https://packages.example.org/bbb/ubuntu.bigbluebutton.org/jammy-300-3.0.35"
    )
    assert all(it.url.startswith("https://packages.example.org/bbb/") for it in sources)
    assert {it.fingerprint for it in sources} == {None}


def test_formats_and_notes_bring_their_packages(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path, bbb__notes="etherpad")
    names = packages_of_node(fleet, fleet.host("bbb1"))
    assert {"bigbluebutton", "bbb-playback-video", "bbb-etherpad", "bbb-pads"} <= set(names)
    assert "bbb-shared-notes-server" not in names


def test_patches_say_the_addresses_of_the_node(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path, bbb__bind="10.0.0.5", bbb__public={"ipv4": "192.0.2.41"})
    patches = list(patches_of(fleet, fleet.host("bbb1")))
    texts = [str(it) for it in patches]
    assert any("local_ip_v4=10.0.0.5" in it for it in texts)
    assert any("external_rtp_ip=192.0.2.41" in it for it in texts)
    assert not any("{" in text.strip("{}").replace("': {'", "") for text in texts)
    # Without IPv6 FreeSWITCH must not see the profiles for it; the node before had some.
    assert [it["off"] for it in patches if it["kind"] == "off"] == [True, True]
    with_ipv6 = fleet_with(tmp_path)
    again = list(patches_of(with_ipv6, with_ipv6.host("bbb1")))
    assert [it["off"] for it in again if it["kind"] == "off"] == [False, False]
    line = next(it for it in again if it["kind"] == "line")
    assert line["line"] == "    proxy_pass https://192.0.2.41:7443;"


def test_a_host_that_keeps_copies_of_a_node_gets_none_of_its_packages(tmp_path: Path) -> None:
    volume = {"quota": "9G", "uid": 20009, "encrypted": False}
    plain = fleet_of(tmp_path, sample(offsite1=OFFSITE))
    with_node = fleet_of(tmp_path, sample(offsite1=OFFSITE, bbb1=node(volume=volume)))
    packages = [packages_of(it, it.host("offsite1")) for it in (plain, with_node)]
    assert packages[0] == packages[1]


def test_the_nodes_of_a_balancer(tmp_path: Path) -> None:
    nodes = {
        "bbb1": node(1),
        "bbb2": node(2, bbb__wanted="drained"),
        "bbb3": node(3, bbb__balancer=REMOVED, bbb__tag=REMOVED),
    }
    fleet = fleet_of(tmp_path, sample(**nodes))
    assert [it.name for it in nodes_at(fleet, "meet")] == ["bbb1", "bbb2"]
    assert [it.name for it in serving_at(fleet, "meet")] == ["bbb1"]


def test_what_is_not_listed_by_bbb_conf_has_to_run_too(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path)
    units = {it.name for it in units_of(fleet, fleet.host("bbb1")) if not it.optional}
    assert {"postgresql.service", "haproxy.service", "coturn.service", "docker.service"} <= units
    assert line_of(fleet, fleet.host("bbb1")).state == "production"


def test_no_other_host_is_a_node(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="prod1 is no node"):
        node_of(fleet_with(tmp_path).host("prod1"))


def test_a_node_opens_what_meetings_need_and_no_database(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path)
    opened = {str(it) for it in ports_of(fleet, fleet.host("bbb1")) if it.to == "all"}
    assert opened >= {"tcp 80", "tcp 443", "tcp 3478", "udp 3478", "udp 16384-32768"}
    for port in (5432, 6379, 7880, 8090):
        assert not any(it.holds("tcp", port) for it in ports_of(fleet, fleet.host("bbb1")))
