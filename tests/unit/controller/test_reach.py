import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import reach
from fleet.model import Fleet
from tests.unit.fleet_samples import HUB, PEOPLE, fleet_of, sample

LOOPBACK_VPN = {"addresses": ["127.0.0.1", "fd66::5"], "only_way_in": True}


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_whether_something_answers(listening: int) -> None:
    assert reach.is_open("127.0.0.1", listening)
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    assert not reach.is_open("127.0.0.1", closed)


def test_of_some_ends_those_that_answer(listening: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    ends = [("127.0.0.1", listening), ("127.0.0.1", closed)]
    assert reach.that_answer(ends) == {("127.0.0.1", listening)}
    assert reach.that_answer([]) == set()


def test_as_many_silent_ends_as_there_are_cost_the_time_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = [(f"192.0.2.{number}", 22) for number in range(200)]
    # The barrier breaks if one question has to wait for another.
    all_at_once = threading.Barrier(len(ends), timeout=10)

    def silent(address: str, port: int) -> bool:
        all_at_once.wait()
        return False

    monkeypatch.setattr(reach, "is_open", silent)
    assert reach.that_answer(ends) == set()


class Socket(socket.socket):
    """A socket on a machine whose way to the VPN leaves by `source`; None if it has no way."""

    source: str | None = None

    def connect(self, address: object) -> None:
        if self.source is None:
            raise OSError("Network is unreachable")

    def getsockname(self) -> tuple[str, int]:
        assert self.source is not None
        return (self.source, 1)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return fleet_of(tmp_path, sample(vpn1=HUB))


@pytest.mark.parametrize(
    ("source", "inside"),
    [
        ("10.66.1.11", True),
        ("10.66.0.11", True),
        ("192.0.2.7", False),
        ("10.66.2.1", False),
        (None, False),
    ],
)
def test_whether_this_machine_is_in_the_vpn(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, source: str | None, inside: bool
) -> None:
    monkeypatch.setattr(Socket, "source", source)
    monkeypatch.setattr(socket, "socket", Socket)
    assert reach.address_here(fleet) == (source if inside else None)


@pytest.mark.parametrize(
    ("sources", "tunnel"),
    [
        ({"10.66.0.31": "10.66.1.11"}, "10.66.1.11"),
        # The address counts, even if the data does not have it now.
        ({"10.66.0.31": "10.99.1.11"}, "10.99.1.11"),
        ({}, None),
        # No tunnel: the way is the network shared with the hosts, or another default route.
        ({"10.66.0.31": "192.0.2.7", "192.0.2.31": "192.0.2.7"}, None),
        ({"192.0.2.31": "192.0.2.7"}, None),
    ],
)
def test_a_tunnel_is_a_way_of_its_own(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, sources: dict[str, str], tunnel: str | None
) -> None:
    monkeypatch.setattr(reach, "source_to", lambda address: sources.get(address, "198.51.100.1"))
    assert reach.tunnel_to(fleet.host("vpn1")) == tunnel
    assert reach.tunnel_to(fleet.host("vpn1").model_copy(update={"vpn": None})) is None


def test_without_a_vpn_nobody_is_in_it(tmp_path: Path) -> None:
    assert reach.address_here(fleet_of(tmp_path, sample())) is None


def test_the_address_in_the_vpn_is_taken_where_ssh_answers_there(
    tmp_path: Path, listening: int
) -> None:
    people = {"people": {"ops-hypha-1": {**PEOPLE["people"]["ops-hypha-1"]}}}
    found = fleet_of(tmp_path, sample(vpn1=HUB), people)
    host = found.host("stg1").model_copy(
        update={"vpn": found.host("vpn1").vpn.model_copy(update=LOOPBACK_VPN)}  # type: ignore[union-attr]
    )
    at_port = host.model_copy(update={"ssh": host.ssh.model_copy(update={"port": listening})})
    assert reach.address_in_vpn(at_port) == "127.0.0.1"
    assert reach.address_in_vpn(host.model_copy(update={"vpn": None})) is None
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    elsewhere = host.model_copy(update={"ssh": host.ssh.model_copy(update={"port": closed})})
    assert reach.address_in_vpn(elsewhere) is None
