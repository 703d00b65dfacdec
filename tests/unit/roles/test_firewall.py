"""The table as nft gets it, for an open host, a closed host, and a hub."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.context import ctx_host

from facts.nfs import ExportsState
from fleet.model import Fleet
from fleet.ports import Port
from operations.files import File
from roles.vpn import firewall
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
    monkeypatch.setattr(firewall, "this_fleet", lambda: found)
    return found


def text(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, name: str, closed: bool) -> str:
    monkeypatch.setattr(firewall, "this_host", lambda: fleet.host(name))
    return firewall._table(firewall.closed_ports() if closed else firewall.at_once())


def test_an_address_of_the_vpns_comes_by_the_tunnel(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = text(fleet, monkeypatch, "prod1", False)
    assert "elements = { 10.66.0.0/24, 10.66.1.0/24 }" in table
    assert "elements = { fd66::/64, fd66:0:0:1::/64 }" in table
    assert 'iifname != { "lo", "wg0" } ip saddr @vpn4 drop' in table
    assert 'iifname != { "lo", "wg0" } ip6 saddr @vpn6 drop' in table
    assert "drop\n" in table and "dport 2222 drop" not in table and "people4" not in table
    # The text replaces this table as a whole, and nothing else.
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
    through = 'iifname "wg0" oifname "wg0"'
    # Nobody reaches the people's machines, not even a server that was taken over.
    assert lines[start + 7 : start + 12] == [
        f"{through} ip saddr @people4 ip daddr != @people4 accept",
        f"{through} ip6 saddr @people6 ip6 daddr != @people6 accept",
        f"{through} ct state established,related accept",
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
    firewall._prove(firewall.closed_ports())
    assert logins == [("ops-hypha-1", "10.66.0.22")]
    asked: list[Any] = []

    def is_open(*where: Any) -> bool:
        asked.append(where)
        return True

    monkeypatch.setattr(firewall, "is_open", is_open)
    with pytest.raises(ConnectionError, match=r"port 2222 at 192\.0\.2\.22 is still open"):
        firewall._prove(firewall.closed_ports())
    assert asked == [("192.0.2.22", 2222)]


def test_only_a_host_that_says_so_is_closed(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall, "this_host", lambda: fleet.host("vpn1"))
    assert firewall._closed() is None
    assert "tcp dport 22 drop" not in firewall.text()
    monkeypatch.setattr(firewall, "this_host", lambda: fleet.host("prod1"))
    closed = firewall._closed()
    assert closed is not None and "tcp dport 2222 drop" in closed.text
    assert "tcp dport 2049 drop" not in closed.text


def test_nothing_leaves_for_the_vpn_but_through_the_tunnel(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise NFS would leave in clear by the default route while the tunnel is down."""
    lines = [line.strip() for line in text(fleet, monkeypatch, "stg1", False).splitlines()]
    start = lines.index("chain output {")
    reject = "daddr @vpn{} reject with icmpx admin-prohibited"
    assert lines[start + 2 : start + 4] == [
        f'oifname != {{ "lo", "wg0" }} {version} {reject.format(number)}'
        for version, number in (("ip", 4), ("ip6", 6))
    ]
    # Nothing of containers leaves either: Docker forwards for them.
    start = lines.index("chain forward {")
    assert lines[start + 3 : start + 6] == [
        f'oifname != "wg0" ip {reject.format(4)}',
        f'oifname != "wg0" ip6 {reject.format(6)}',
        "}",
    ]


def test_nfs_is_closed_on_the_storage_server_without_a_word_about_ssh(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = text(fleet, monkeypatch, "storage1", True)
    assert 'iifname != { "lo", "wg0" } tcp dport 2049 drop' in table
    assert "dport 22 " not in table
    assert "2049" not in text(fleet, monkeypatch, "storage1", False)


@pytest.mark.parametrize(
    ("clients", "says"),
    [
        ([], ""),
        (["10.66.0.22", "fd66::22"], ""),
        # A person's machine is inside too: the exports say what it may mount.
        (["10.66.1.11"], ""),
        (
            ["10.66.0.22", "192.0.2.22", "2001:db8::9"],
            "NFS: left as it is now, as 192.0.2.22, 2001:db8::9",
        ),
        (["who knows"], "NFS: left as it is now, as who knows"),
    ],
)
def test_nfs_that_is_in_use_from_outside_is_not_closed(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, clients: list[str], says: str
) -> None:
    monkeypatch.setattr(firewall, "this_host", lambda: fleet.host("storage1"))
    seen = ExportsState(clients=frozenset(clients))
    with ctx_host.use(SimpleNamespace(name="storage1", get_fact=lambda _: seen)):
        hindrance = firewall._hindrance()
    assert (hindrance or "").partition(" has ")[0] == says


@pytest.mark.parametrize(("inside", "answers"), [(False, True), (True, False), (True, True)])
def test_ssh_is_not_closed_to_an_operator_who_is_outside(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, inside: bool, answers: bool
) -> None:
    monkeypatch.setattr(firewall, "this_host", lambda: fleet.host("prod1"))
    monkeypatch.setattr(firewall, "address_here", lambda _: "10.66.1.11" if inside else None)
    monkeypatch.setattr(firewall, "address_in_vpn", lambda _: "10.66.0.22" if answers else None)
    hindrance = firewall._hindrance()
    assert (hindrance is None) == (inside and answers)
    assert hindrance is None or "SSH: left as it is now" in hindrance


def test_the_proof_for_nfs_is_that_it_is_closed_and_the_operator_still_in(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firewall, "this_host", lambda: fleet.host("storage1"))
    monkeypatch.setattr(firewall, "operator", lambda: "ops-hypha-1")
    logins: list[Any] = []
    monkeypatch.setattr(firewall, "log_in_anew", lambda *login: logins.append(login))
    monkeypatch.setattr(firewall, "is_open", lambda address, port: port == 2049)
    with pytest.raises(ConnectionError, match=r"port 2049 at 192\.0\.2\.11 is still open"):
        firewall._prove(firewall.closed_ports())
    assert logins == [("ops-hypha-1", None)]


def test_at_a_boot_it_is_in_force_before_a_change_is_undone() -> None:
    (unit,) = firewall.entries()
    assert isinstance(unit, File)
    # The unit that undoes a change at a boot comes after sysinit.target, like most services.
    assert "\nBefore=network-pre.target sysinit.target " in unit.content


def test_a_port_of_one_group_is_closed_to_the_rest_of_the_vpn(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def table(to: str) -> str:
        port = Port("Metrics", 9100, to=to)
        monkeypatch.setattr(firewall, "ports_of", lambda *_: [Port("SSH", 22, to="all"), port])
        return text(fleet, monkeypatch, "stg1", True)

    assert 'iifname != { "lo", "wg0" } tcp dport 9100 drop' in table("vpn")
    assert 'iifname "wg0" tcp' not in table("vpn")
    hub = table("hub")
    assert 'iifname != { "lo", "wg0" } tcp dport 9100 drop' in hub
    assert 'iifname "wg0" tcp dport 9100 ip saddr != { 10.66.0.31 } drop' in hub
    assert 'iifname "wg0" tcp dport 9100 ip6 saddr != { fd66::31 } drop' in hub
    # Open to a group without a host means open to nobody.
    assert 'iifname "wg0" tcp dport 9100 drop' in table("offsite")
    assert "9100" not in table("all")


def test_what_nobody_uses_is_closed_at_once(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where SSH stays open, because the operator is outside."""
    ports = [Port("SSH", 2222, to="vpn"), Port("Metrics", 9100, to="vpn")]
    monkeypatch.setattr(firewall, "ports_of", lambda *_: ports)
    monkeypatch.setattr(firewall, "address_here", lambda _: None)
    table = text(fleet, monkeypatch, "prod1", False)
    assert "tcp dport 9100 drop" in table and "tcp dport 2222 drop" not in table
    assert str(firewall._hindrance()).startswith("SSH: left as it is now, as you do not get in")
    closed = firewall._closed()
    assert closed and "tcp dport 2222 drop" in closed.text and "tcp dport 9100 drop" in closed.text


def test_what_is_closed_at_once_is_proven_too(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firewall, "this_host", lambda: fleet.host("prod1"))
    monkeypatch.setattr(firewall, "operator", lambda: "ops-hypha-1")
    logins: list[Any] = []
    monkeypatch.setattr(firewall, "log_in_anew", lambda *login: logins.append(login))
    monkeypatch.setattr(firewall, "is_open", lambda address, port: port == 9100)
    with pytest.raises(ConnectionError, match="Metrics: port 9100 at"):
        firewall._prove([Port("Metrics", 9100, to="vpn")])
    # SSH stays open, so the login is by the address of the run.
    assert logins == [("ops-hypha-1", None)]
