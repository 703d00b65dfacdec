"""The table as nft gets it, for a host that is open, one that is closed, and a hub."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.context import ctx_host

from deploys.vpn import firewall
from fleet.model import Fleet
from tests.unit.fleet_samples import HUB, PEOPLE, fleet_of, sample

VPN = {"addresses": ["10.66.0.22", "fd66::22"], "only_way_in": True}
PERSON = {
    **PEOPLE["people"]["ops-hypha-1"],
    "vpn": {
        "public_key": "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ=",
        "addresses": ["10.66.1.11", "fd66:0:0:1::11"],
    },
}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    people = {"people": {"ops-hypha-1": PERSON}}
    found = fleet_of(tmp_path, sample(vpn1=HUB, prod1__vpn=VPN), people)
    monkeypatch.setattr(firewall, "fleet", lambda: found)
    return found


def text(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, name: str, closed: bool) -> str:
    monkeypatch.setattr(firewall, "this_host", lambda: fleet.host(name))
    return firewall._table(closed)


def test_an_address_of_the_vpns_comes_by_the_tunnel(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = text(fleet, monkeypatch, "prod1", False)
    assert "elements = { 10.66.0.0/24, 10.66.1.0/24 }" in table
    assert "elements = { fd66::/64, fd66:0:0:1::/64 }" in table
    assert 'iifname != { "lo", "wg0" } ip saddr @vpn4 drop' in table
    assert 'iifname != { "lo", "wg0" } ip6 saddr @vpn6 drop' in table
    assert "drop\n" in table and "dport 2222 drop" not in table and "forward" not in table
    # A table that is replaced as a whole, and no more than that.
    assert table.splitlines()[1:4] == [
        "table inet coop_infra",
        "delete table inet coop_infra",
        "table inet coop_infra {",
    ]
    assert "flush" not in table


def test_ssh_is_closed_at_its_port(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    table = text(fleet, monkeypatch, "prod1", True)
    lines = [line.strip() for line in table.splitlines()]
    goes_on = lines.index("tcp dport 2222 ct state established accept")
    forged = lines.index('iifname != { "lo", "wg0" } ip saddr @vpn4 drop')
    closed = lines.index('iifname != { "lo", "wg0" } tcp dport 2222 drop')
    assert forged < goes_on < closed


def test_a_hub_passes_on_what_stays_in_the_tunnel(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line.strip() for line in text(fleet, monkeypatch, "vpn1", False).splitlines()]
    start = lines.index("chain forward {")
    assert lines[start + 2 : start + 5] == [
        'iifname "wg0" oifname "wg0" accept',
        'iifname "wg0" drop',
        'oifname "wg0" drop',
    ]


def test_the_proof_is_a_login_inside_and_none_outside(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firewall, "this_host", lambda: fleet.host("prod1"))
    monkeypatch.setattr(firewall, "operator", lambda: "ops-hypha-1")
    logins: list[tuple[str, str]] = []
    monkeypatch.setattr(firewall, "log_in_anew", lambda *login: logins.append(login))
    monkeypatch.setattr(firewall, "is_open", lambda address, port: False)
    firewall._prove()
    assert logins == [("ops-hypha-1", "10.66.0.22")]
    asked: list[Any] = []

    def is_open(*where: Any) -> bool:
        asked.append(where)
        return True

    monkeypatch.setattr(firewall, "is_open", is_open)
    with pytest.raises(ConnectionError, match=r"SSH at 192\.0\.2\.22 is still open"):
        firewall._prove()
    assert asked == [("192.0.2.22", 2222)]


def test_only_a_host_that_says_so_is_closed(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    with ctx_host.use(SimpleNamespace(name="vpn1")):
        monkeypatch.setattr(firewall, "this_host", lambda: fleet.host("vpn1"))
        assert firewall._closed() is None
        monkeypatch.setattr(firewall, "this_host", lambda: fleet.host("prod1"))
        closed = firewall._closed()
    assert closed is not None and "tcp dport 2222 drop" in closed.text
