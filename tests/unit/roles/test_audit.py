"""What the roles find on a host, for the audit."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controller.audit import Finding, Look
from facts.access import KEYS, AccessState, AccountState
from facts.copies import CopiesState
from facts.files import PathState
from facts.nftables import Listener, TableState
from facts.sets import SetsState
from facts.systemd import UnitsState, UnitState
from facts.wireguard import Live, LivePeer, WireGuardState
from operations import wireguard
from operations.access.wanted import Wanted
from operations.files import File
from operations.systemd import Unit
from operations.wireguard import RIGHTS, Interface, Peer, config
from roles import access, firewall, offers, vpn
from roles.access import found as access_found
from roles.backups.found import judge as judge_sets
from roles.firewall import found as firewall_found
from roles.firewall.found import judge as judge_firewall
from roles.firewall.parts import FILE
from roles.offsite.found import judge as judge_copies
from roles.vpn.found import judge_member, judge_stranger
from tests.unit.fleet_samples import HUB, KEY, OFFSITE, PEOPLE, fleet_of, sample
from tests.unit.roles.conftest import Take

PULL_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICLgNqzm+T8GyRuSh7Bccycz+Ofze00gs9seVmdbX2/1"

KEY_OF_A_PERSON = "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ="


def test_the_keys_are_those_that_sshd_accepts(tmp_path: Path, take: Take) -> None:
    fleet = fleet_of(tmp_path, sample())
    take(fleet, "prod1")

    def file(text: str) -> PathState:
        return PathState("file", 0o644, "root", "root", content=text.encode())

    now = AccessState(
        accounts={
            "ops-hypha-1": AccountState(1000, "/home/o", "/bin/bash", None, True),
            "gone": AccountState(1001, "/home/g", "/bin/bash", 1),
            "old": AccountState(1002, "/home/g", "/bin/bash", ages=0),
            "refused": AccountState(1003, "/home/g", "/bin/bash", pam="Permission denied"),
            "later": AccountState(1004, "/home/g", "/bin/bash", 90000, ages=80000),
            "pull": AccountState(998, "/", "/bin/sh"),
        },
        files={
            KEYS: PathState("directory", 0o755, "root", "root"),
            f"{KEYS}/ops-hypha-1": file(
                f'# note\nexpiry-time="20270701Z" {KEY} laptop\nssh-rsa AAAA\n'
            ),
            **{f"{KEYS}/{name}": file(KEY) for name in ("gone", "old", "refused", "later")},
            f"{KEYS}/no-account": file(KEY),
            f"{KEYS}/pull": file(f'restrict,command="/usr/bin/python3 -I x" {PULL_KEY} offsite1'),
        },
    )
    crontab = "/var/spool/cron/crontabs/ops-hypha-1"
    now = replace(now, starts={"ops-hypha-1": (crontab,), "pull": ("/x",), "root": ("/y",)})
    fleet.pull_keys.store("offsite1", PULL_KEY)
    finding = access_found.judge(now, Wanted((), {}))
    later, own, rogue, machine = (SimpleNamespace(**it) for it in finding.data["keys"])
    assert (later.account, later.until) == ("later", "21890112")
    assert (own.account, own.sudo, own.person, own.until) == (
        "ops-hypha-1",
        True,
        "ops-hypha-1",
        "20270701Z",
    )
    assert own.key.startswith("SHA256:")
    assert (rogue.person, rogue.until) == ("nobody", "")
    assert (machine.account, machine.sudo, machine.person) == ("pull", False, "offsite1")
    assert f"| ops-hypha-1 | sudo | {own.key} | ops-hypha-1 | 20270701Z |" in finding.text
    assert finding.data["starts"] == {"ops-hypha-1": [crontab]}
    started = f"\n\nStarts without a login, in the name of ops-hypha-1: {crontab}\n"
    assert finding.text.endswith(started)
    assert f"| pull | login | {machine.key} | offsite1 | for ever |" in finding.text
    # Here nobody should get in.
    assert "account ops-hypha-1: open -> closed" in "\n".join(finding.drift)


def test_each_role_asks_where_it_has_something_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take: Take
) -> None:
    fleet = fleet_of(tmp_path, sample(offsite1=OFFSITE))
    monkeypatch.setattr(vpn, "interface", lambda: Interface("K=", (), 1, ()))
    monkeypatch.setattr(access, "key_of_login", lambda: None)

    def asking(name: str) -> list[str]:
        take(fleet, name)
        return [it.role for offer in offers("audit") if isinstance(it := offer(), Look)]

    assert {"access", "firewall", "offsite", "vpn"} <= set(asking("offsite1"))
    assert not {"backups", "offsite"} & set(asking("storage1"))


def test_the_questions_fit_the_judgement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take: Take
) -> None:
    """The answers are those of a host that has nothing at all."""
    backup = {"store": "a.example.org:/b", "directories": ["/etc"], "quiesce": []}
    fleet = fleet_of(tmp_path, sample(offsite1=OFFSITE, stg1__backup=backup, vpn1=HUB))
    monkeypatch.setattr(vpn, "interface", lambda: Interface("K=", (), 1, ()))
    for name in fleet.hosts:
        take(fleet, name)
        for offer in offers("audit"):
            if it := offer():
                answers = [
                    TableState(loaded=("",)) if "texts" in arguments else kind.default()
                    for kind, arguments in it.asked
                ]
                assert it.judge(*answers).drift


def test_a_tunnel_of_a_host_that_is_in_the_vpn_no_more_is_drift() -> None:
    there = judge_stranger(WireGuardState(live=Live("x", 1)))
    assert there.drift == ["VPN: a tunnel is there, and the data has no vpn for it"]
    assert judge_stranger(WireGuardState()).drift == []


TEXT = "the table's text\n"
UNITS = [Unit("wg-quick@wg0.service")]
WANTED = Interface("KEY=", ("10.66.0.22", "fd66::22"), 51820, ())
UP = UnitsState({it: UnitState(file="enabled") for it in (UNITS[0].name, firewall.UNIT)})
TUNNEL = WireGuardState("KEY=", config(WANTED, hidden=True), RIGHTS, Live("KEY=", 51820))
FILES = {FILE: PathState("file", 0o644, "root", "root", content=TEXT.encode())}
TABLE = TableState(True, "listed", ("listed",), FILES)


def closed(table: TableState = TABLE, running: UnitsState = UP) -> Finding:
    """What is found of the firewall of a host that is as it should be, except for some changes."""
    return judge_firewall(table, running, file=File(FILE, TEXT), unit=firewall.UNIT)


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall_found, "that_answer", set)


def test_what_would_be_otherwise_after_a_boot_is_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take: Take
) -> None:
    take(fleet_of(tmp_path, sample()), "prod1")
    monkeypatch.setattr(wireguard, "differences", lambda *_: [])

    def drift(tunnel: WireGuardState = TUNNEL, running: UnitsState = UP) -> list[str]:
        return judge_member(tunnel, running, interface=WANTED, units=UNITS).drift

    assert drift() == closed().drift == []
    no_file = replace(TABLE, files={})
    assert closed(no_file).drift == ["firewall: the file for the next boot is not the wanted one"]
    assert drift(WireGuardState("KEY=", "by hand")) == [
        "VPN: the file for the next boot is not the wanted one"
    ]
    off = UnitsState({"wg-quick@wg0.service": UnitState(file="disabled")})
    assert drift(running=off) == ["wg-quick@wg0.service: not started at boot"]
    assert closed(running=off).drift == ["coop-firewall.service: not started at boot"]


def test_a_host_without_nft_is_not_in_order(tmp_path: Path, take: Take) -> None:
    take(fleet_of(tmp_path, sample()), "prod1")
    found = closed(TableState(False, "", ("",))).drift
    assert "firewall: the table in force is not the wanted one" in found


def test_each_port_is_told_by_the_table_that_is_in_force(tmp_path: Path, take: Take) -> None:
    take(fleet_of(tmp_path, sample()), "storage1")

    def ports(*numbers: int) -> dict[str, str]:
        rules = (f'iifname != {{ "lo", "wg0" }} tcp dport {port} drop' for port in numbers)
        found = closed(replace(TABLE, live="\n".join(rules)))
        return {port["name"]: port["to"] for port in found.data["ports"]}

    expected = {"SSH": "all", "WireGuard": "all", "NFS": "all"}
    assert {**ports(2049), **expected, "NFS": "vpn"} == ports(2049)
    assert {**ports(22), **expected, "SSH": "vpn"} == ports(22)
    assert set(ports().values()) == {"all"}


def test_closed_is_seen_from_outside_and_not_believed(
    monkeypatch: pytest.MonkeyPatch, take: Take, tmp_path: Path
) -> None:
    """Whatever the table says, what listens is tried at each address outside of the VPN."""
    take(fleet_of(tmp_path, sample()), "prod1")
    listeners = (
        Listener("tcp", 80, "*", "nginx"),
        Listener("tcp", 2222, "*", "sshd"),
        Listener("tcp", 8443, "*", "java"),
        Listener("udp", 9, "*"),
    )
    addresses = ("192.0.2.22", "2a01:db9::22", "172.17.0.1", "10.66.0.22")
    table = replace(TABLE, listeners=listeners, addresses=addresses)
    tried: set[Any] = set()

    def that_answer(ends: Any) -> Any:
        tried.update(ends)
        return {end for end in ends if end[1] != 2222}

    monkeypatch.setattr(firewall_found, "that_answer", that_answer)
    outside = ("192.0.2.22", "2a01:db9::22")
    says = f"firewall: tcp 8443 (java) answers at {', '.join(outside)}, and nothing opens it"
    assert closed(table).drift == [says]
    assert tried == {(address, port) for address in outside for port in (80, 2222, 8443)}

    vpn_alone = {"addresses": ["10.66.0.22", "fd66::22"], "only_way_in": True}
    hosts = sample(prod1__vpn=vpn_alone, prod1__public="open", vpn1=HUB)
    person = {
        **PEOPLE["people"]["ops-hypha-1"],
        "vpn": {"public_key": KEY_OF_A_PERSON, "addresses": ["10.66.1.11", "fd66:0:0:1::11"]},
    }
    take(fleet_of(tmp_path, hosts, {"people": {"ops-hypha-1": person}}), "prod1")
    monkeypatch.setattr(firewall_found, "that_answer", set)
    says = "firewall: SSH (tcp 2222) answers at 192.0.2.22, and it is for vpn within the VPN"
    assert closed(replace(table, addresses=())).drift == [says]


def test_what_answers_from_outside_is_in_the_report(
    monkeypatch: pytest.MonkeyPatch, take: Take, tmp_path: Path
) -> None:
    take(fleet_of(tmp_path, sample()), "prod1")
    monkeypatch.setattr(firewall_found, "that_answer", lambda ends: {("192.0.2.22", 80)})
    finding = closed(replace(TABLE, listeners=(Listener("tcp", 80, "*"),)))
    assert finding.data["answers"] == {"192.0.2.22": [80]}
    assert "\nAnswers this machine outside of the VPN: 192.0.2.22 at tcp 80" in finding.text
    assert finding.text.startswith("SSH (tcp 2222) from anywhere; WireGuard (udp 51820) from any")


def test_who_has_a_tunnel_is_named(tmp_path: Path, take: Take) -> None:
    take(fleet_of(tmp_path, sample()), "prod1")
    peer = Peer("vpn1", "HUB=", ("10.66.0.31/32",), "192.0.2.31:51820")
    live = {
        "HUB=": LivePeer(frozenset({"10.66.0.31/32"})),
        "ROGUE=": LivePeer(frozenset({"10.9.0.0/16"})),
    }
    wanted = Interface("KEY=", ("10.66.0.22", "fd66::22"), 51820, (peer,))
    seen = WireGuardState(live=Live("KEY=", 1, live))
    found = judge_member(seen, UP, interface=wanted, units=UNITS)
    assert found.data["peers"] == [
        {"name": "nobody", "prefixes": ["10.9.0.0/16"]},
        {"name": "vpn1", "prefixes": ["10.66.0.31/32"]},
    ]
    assert found.text.strip() == "Tunnels: nobody (10.9.0.0/16); vpn1 (10.66.0.31/32)"


def test_a_copy_that_is_too_old_is_drift() -> None:
    copies = CopiesState(7200, 3600, {"a": 3000}, {"a": 0, "b": 7140}, ("a: offsite: too old",))
    found = judge_copies(copies)
    assert found.data["copies"] == [
        {"dataset": "a", "source": 10, "offsite": 120},
        {"dataset": "b", "source": None, "offsite": 1},
    ]
    assert "| a | 10 | 120 |\n| b | none | 1 |" in found.text
    assert found.drift == ["copies: a: offsite: too old"]


@pytest.mark.parametrize(("newest", "age"), [(3600, 60), (0, None)])
def test_a_set_that_is_too_old_is_drift(newest: int, age: int | None) -> None:
    found = judge_sets(SetsState(7200, 3, newest, ("too old",)))
    assert found.data == {"sets": 3, "newest": age}
    told = "none" if age is None else "60 minutes old"
    assert found.text == f"Sets in the provider's store: 3; the newest {told}.\n"
    assert found.drift == ["backup: too old"]
