import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from lab import hosts

ROOT = Path(__file__).resolve().parents[3]
FLEET: dict[str, Any] = yaml.safe_load((ROOT / "inventories/lab.yml").read_text())["hosts"]


def test_every_host_one_a_line_in_the_inventorys_order() -> None:
    assert hosts.main("names").splitlines() == list(FLEET)


def test_the_hosts_of_the_vision_board_are_a_part_of_the_fleet() -> None:
    board = hosts.main("board").splitlines()
    assert board == list(hosts.BOARD)
    assert set(board) < set(FLEET)


def test_the_address_of_a_host() -> None:
    assert hosts.main("address", "storage1") == FLEET["storage1"]["address"]


def test_the_boxes_of_some_hosts_each_once() -> None:
    assert hosts.main("boxes", "storage1", "vision-stg1") == "roles-12\nroles-13"
    assert hosts.main("boxes", "storage1", "bare1", "vision-stg1") == "bare-13\nroles-12\nroles-13"
    assert hosts.main("boxes") == ""


@pytest.mark.parametrize("command", ["address", "boxes"])
def test_a_host_that_is_not_there_is_an_error_that_names_those_that_are(command: str) -> None:
    with pytest.raises(SystemExit) as error:
        hosts.main(command, "storage9")
    assert "no host 'storage9' in lab.yml" in str(error.value)
    assert "storage1" in str(error.value)


def test_an_unknown_command_prints_the_usage() -> None:
    with pytest.raises(SystemExit) as error:
        hosts.main("nonsense")
    assert error.value.code == hosts.__doc__


def reservations() -> list[dict[str, str]]:
    return [
        it.attrib for it in ElementTree.fromstring(hosts.main("network")).findall("ip/dhcp/host")
    ]


def test_the_network_gives_every_host_its_address() -> None:
    found = {host["name"]: host["ip"] for host in reservations()}
    assert found == {name: host["address"] for name, host in FLEET.items()}


def test_dns_knows_the_name_of_each_certificate() -> None:
    found = ElementTree.fromstring(hosts.main("network")).findall("dns/host")
    names = {it.findtext("hostname"): it.attrib["ip"] for it in found}
    assert names["vision.lab.test"] == FLEET["vision-prod1"]["address"]
    assert names["web.lab.test"] == FLEET["web1"]["address"]
    assert None not in names


def test_no_lease_ends() -> None:
    """With a lease that ends, Vagrant would think that a guest suspended for an hour is down."""
    hosts_ = ElementTree.fromstring(hosts.main("network")).findall("ip/dhcp/host")
    assert [lease.attrib for host in hosts_ for lease in host] == [{"expiry": "0"}] * len(FLEET)


def test_each_host_has_a_mac_address_of_its_own() -> None:
    macs = [host["mac"] for host in reservations()]
    assert len(set(macs)) == len(FLEET)
    assert all(re.fullmatch("52:54:00:4e:00:[0-9a-f]{2}", mac) for mac in macs)


def test_the_addresses_are_in_the_labs_network_and_not_the_gateways() -> None:
    network = ElementTree.fromstring(hosts.main("network")).find("ip")
    assert network is not None
    lan = ip_network(f"{network.get('address')}/{network.get('netmask')}", strict=False)
    addresses = {host["address"] for host in FLEET.values()} | {str(network.get("address"))}
    assert len(addresses) == len(FLEET) + 1
    assert all(ip_address(address) in lan for address in addresses)


def test_the_vagrantfile_computes_the_same_mac_address() -> None:
    text = (ROOT / "lab/Vagrantfile").read_text()
    (pattern,) = re.findall(
        r'format\("([^"]+)", host\.fetch\("address"\)\.split\("\."\)\.last', text
    )
    for last in (1, 11, 171, 254):
        assert hosts.mac(f"10.78.0.{last}").replace(":", "") == pattern % last
