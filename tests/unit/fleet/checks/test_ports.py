"""What hosts open to the network, and which mistakes are refused."""

from pathlib import Path

import pytest

from fleet.checks import ports
from fleet.derived.ports import ports_of
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.ports import Port
from tests.unit.fleet_samples import fleet_of, places, problems_of, sample


def test_a_host_opens_ssh_and_what_its_groups_open(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample())
    ssh, *rest = ports_of(fleet, fleet.host("storage1"))
    assert ssh == Port("SSH", 22, to="all")
    assert {
        Port("WireGuard", 51820, to="all", protocol="udp"),
        Port("NFS", 2049, to="vpn"),
    } <= set(rest)


def test_ssh_is_open_where_the_record_says(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample())
    host = fleet.host("prod1")
    closed = host.model_copy(
        update={"vpn": host.vpn and host.vpn.model_copy(update={"only_way_in": True})}
    )
    assert ports_of(fleet, closed)[0] == Port("SSH", 2222, to="vpn")


def test_two_services_of_one_port_are_refused(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, sample(storage1__ssh={"port": 2049}))
    assert places(problems) == [("storage1", "roles")]
    assert "NFS and SSH both want tcp 2049" in problems[0].message


def test_a_port_of_the_vpn_alone_needs_a_host_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = fleet_of(tmp_path, sample())
    outside = fleet.model_copy(
        update={"hosts": {"one": fleet.host("stg1").model_copy(update={"vpn": None})}}
    )

    def one_port(fleet: Fleet, host: Host) -> list[Port]:
        return [Port("Metrics", 9100, to="vpn")]

    monkeypatch.setattr(ports, "ports_of", one_port)
    (problem,) = ports.check_ports(outside)
    assert (problem.record, problem.field) == ("one", "vpn")
    assert "Metrics is open to the VPN alone" in problem.message
