"""What hosts open to the network, and which mistakes are refused."""

from pathlib import Path

import pytest

from fleet.checks import ports
from fleet.derived.ports import ports_of
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.ports import Port
from tests.unit.fleet_samples import REMOVED, fleet_of, places, problems_of, sample


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


MEDIA = {"port": 16384, "last": 32768, "protocol": "udp", "to": "all", "reason": "sound"}


def test_a_host_opens_what_its_record_lists(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample(prod1__ports=[MEDIA], prod1__public="closed"))
    media = ports_of(fleet, fleet.host("prod1"))[-1]
    assert media == Port("sound (by hand)", 16384, "all", "udp", 32768)
    assert str(media) == "udp 16384-32768"
    assert media.holds("udp", 20000) and media.holds("udp", 32768)
    assert not media.holds("tcp", 20000) and not media.holds("udp", 32769)


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"port": 51820, "last": None}, "ports.0", "sound (by hand) and WireGuard both want udp"),
        ({"port": 50000, "last": 60000}, "ports.0", "both want udp 50000-60000; take it out"),
        ({"to": "people2"}, "ports.0.to", "is no group of hosts; write one of all, people, vpn,"),
        ({"reason": "x\ny"}, "ports.0.reason", "in one line of 3 to 80 characters"),
        ({"reason": REMOVED}, "ports.0.reason", "is missing"),
        ({"last": 16384}, "ports.0.last", "16384 is not after 16384"),
        ({"port": 0}, "ports.0.port", "greater than or equal to 1"),
    ],
)
def test_a_mistake_in_a_port_by_hand_is_refused(
    tmp_path: Path, change: dict[str, object], field: str, says: str
) -> None:
    port = {name: it for name, it in {**MEDIA, **change}.items() if it is not REMOVED}
    (problem,) = problems_of(tmp_path, sample(prod1__ports=[port]))
    assert (problem.record, problem.field) == ("prod1", field) and says in str(problem)


def test_a_host_outside_of_the_vpn_opens_what_its_record_lists(tmp_path: Path) -> None:
    outside = {"roles": [], "environment": "prod", "address": "192.0.2.50", "public": "closed"}
    fleet = fleet_of(tmp_path, sample(other1={**outside, "ports": [MEDIA]}))
    assert [it.name for it in ports_of(fleet, fleet.host("other1"))] == ["SSH", "sound (by hand)"]


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
