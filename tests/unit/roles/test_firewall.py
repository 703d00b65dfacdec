"""The table as nft gets it, for an open host, a closed host, and a hub."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.context import ctx_host

from facts.files import PathState
from facts.nfs import ExportsState
from facts.nftables import Listener, TableState
from fleet.model import Fleet
from fleet.ports import Port, PortByHand
from operations.files import File
from roles import firewall
from roles.firewall import parts as of_parts
from roles.firewall import proof as of_proof
from roles.firewall import table as of_table
from roles.firewall.parts import FILE, PUBLIC, parts, undeclared
from roles.firewall.proof import prove
from roles.firewall.table import is_open, whole
from tests.unit.fleet_samples import HUB, PEOPLE, fleet_of, sample

VPN = {"addresses": ["10.66.0.22", "fd66::22"], "only_way_in": True}
PERSON = {
    **PEOPLE["people"]["ops-hypha-1"],
    "vpn": {
        "public_key": "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ=",
        "addresses": ["10.66.1.11", "fd66:0:0:1::11"],
    },
}


def put(monkeypatch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    """In the place of what the role's modules know by this name."""
    for module in (of_parts, of_proof, of_table):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, value)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    people = {"people": {"ops-hypha-1": PERSON}}
    found = fleet_of(tmp_path, sample(vpn1=HUB, prod1__vpn=VPN), people)
    put(monkeypatch, "this_fleet", lambda: found)
    return found


def text(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, name: str, *names: str) -> str:
    """The host's table with the parts of these names."""
    put(monkeypatch, "this_host", lambda: fleet.host(name))
    return of_table.text(names)


def chain(name: str, table: str) -> list[str]:
    """The chain's rules, without comments."""
    lines = [line.strip() for line in table.splitlines()]
    rules = lines[lines.index(f"chain {name} {{") + 1 :]
    return [rule for rule in rules[: rules.index("}")] if not rule.startswith("#")]


# In force on a host that an earlier run has left open.
LEFT_OPEN = "table inet coop_infra {}"


def hindrances(*listeners: Listener, live: str = LEFT_OPEN, **more: Any) -> dict[str, str]:
    """By part, what hinders it on a host that listens there and has this table in force."""
    now = TableState(live=live, listeners=listeners, **more)
    return {it.name: said for it in parts() if (said := it.hindrance(now))}


def test_an_address_of_the_vpns_comes_by_the_tunnel(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = text(fleet, monkeypatch, "prod1")
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
    table = text(fleet, monkeypatch, "prod1", "SSH")
    lines = [line.strip() for line in table.splitlines()]
    goes_on = lines.index("tcp dport 2222 ct state established accept")
    forged = lines.index('iifname != { "lo", "wg0" } ip saddr @vpn4 drop')
    closed = lines.index('iifname != { "lo", "wg0" } tcp dport 2222 drop')
    assert forged < goes_on < closed


def test_a_hub_passes_on_what_stays_in_the_tunnel(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = chain("forward", text(fleet, monkeypatch, "vpn1"))
    through = 'iifname "wg0" oifname "wg0"'
    # Nobody reaches the people's machines, not even a server that was taken over.
    assert rules[3:8] == [
        f"{through} ip saddr @own_people4 ip daddr != @own_people4 accept",
        f"{through} ip6 saddr @own_people6 ip6 daddr != @own_people6 accept",
        f"{through} ct state established,related accept",
        'iifname "wg0" drop',
        'oifname "wg0" drop',
    ]


def test_a_hub_is_no_router_between_its_other_networks(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel passes on whatever it gets there, because it does so for the VPN."""
    rules = chain("forward", text(fleet, monkeypatch, "vpn1"))
    assert rules[8:] == [
        'iifname "docker0" accept',
        'iifname "br-*" accept',
        "ct state established,related accept",
        "ct status dnat accept",
        "drop",
    ]


@pytest.fixture
def proven(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Notes the logins of a proof and the ends that it tries; those in `answers` answer."""
    noted = SimpleNamespace(logins=[], tried=set(), answers=set())

    def that_answer(ends: Any) -> Any:
        noted.tried |= set(ends)
        return noted.answers & set(ends)

    put(monkeypatch, "operator", lambda: "ops-hypha-1")
    put(monkeypatch, "log_in_anew", lambda *login: noted.logins.append(login))
    put(monkeypatch, "that_answer", that_answer)
    return noted


def test_the_proof_is_a_login_inside_and_none_outside(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, proven: Any
) -> None:
    put(monkeypatch, "this_host", lambda: fleet.host("prod1"))
    prove(["SSH"], TableState())
    assert proven.logins == [("ops-hypha-1", "10.66.0.22")]
    assert ("192.0.2.22", 2222) in proven.tried
    proven.answers = {("192.0.2.22", 2222)}
    with pytest.raises(ConnectionError, match=r"SSH: port 2222 at 192\.0\.2\.22 is still open"):
        prove(["SSH"], TableState())


def test_that_the_public_side_is_closed_is_proven_at_each_port_that_it_closes(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, proven: Any
) -> None:
    put(monkeypatch, "this_host", lambda: fleet.host("prod1"))
    web, own = Listener("tcp", 80, "*", "nginx"), Listener("tcp", 8443, "*", "java")
    now = TableState(listeners=(web, own, Listener("udp", 9, "*")))
    proven.answers = {("192.0.2.22", 8443)}
    with pytest.raises(ConnectionError, match="java: port 8443 at"):
        prove([PUBLIC], now)
    # SSH is still open, so the login is by the address of the run.
    assert proven.logins == [("ops-hypha-1", None)]
    assert ("192.0.2.22", 80) not in proven.tried


def test_only_a_host_that_says_so_is_closed(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, "this_host", lambda: fleet.host("vpn1"))
    assert [part.name for part in parts()] == [PUBLIC]
    assert "tcp dport 22 drop" not in whole()
    put(monkeypatch, "this_host", lambda: fleet.host("prod1"))
    assert [part.name for part in parts()] == ["SSH", PUBLIC]
    assert all(part.rule in whole() for part in parts())
    assert "tcp dport 2049 drop" not in whole()


def changed(fleet: Fleet, name: str, **fields: Any) -> Any:
    """A function that gives the host with other fields, in the place of `this_host`."""
    there = fleet.host(name).model_copy(update=fields)
    return lambda: there


def test_the_public_side_takes_what_is_declared_and_nothing_else(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = [
        PortByHand(
            port=16384, last=32768, protocol="udp", to="all", reason="the sound of meetings"
        ),
        PortByHand(port=9200, to="people", reason="a page for people"),
    ]
    put(monkeypatch, "this_host", changed(fleet, "prod1", ports=tuple(by_hand)))
    table = whole()
    assert chain("input", table)[-1] == 'iifname != { "lo", "wg0" } jump public'
    assert chain("public", table) == [
        'iifname "docker0" accept',
        'iifname "br-*" accept',
        "ct state established,related accept",
        "jump signals",
        "udp sport 67 udp dport 68 accept",
        "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
        "udp dport 51820 accept",
        "tcp dport 80 accept",
        "tcp dport 443 accept",
        "udp dport 16384-32768 accept",
        "drop",
    ]
    # A port that Docker publishes is no other door: what is declared goes on.
    assert "ct state new ct status dnat jump published" in chain("forward", table)
    published = chain("published", table)
    assert "meta l4proto tcp ct original proto-dst 80 return" in published
    assert published[-1] == "drop" and not [it for it in published if it.endswith("accept")]


def test_while_ssh_stays_open_the_public_side_takes_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = text(fleet, monkeypatch, "prod1", PUBLIC)
    assert "tcp dport 2222 accept" in chain("public", table)
    assert "tcp dport 2222 accept" not in chain("public", whole())


def test_people_reach_ssh_where_they_may_log_in_and_what_is_for_them(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = PortByHand(port=9200, to="people", reason="a page for people")
    put(monkeypatch, "this_host", changed(fleet, "prod1", ports=(by_hand,)))
    assert chain("people", whole()) == [
        "ct state established,related accept",
        "jump signals",
        "ip saddr { 10.66.1.11 } tcp dport 2222 accept",
        "ip6 saddr { fd66:0:0:1::11 } tcp dport 2222 accept",
        "udp dport 51820 accept",
        "tcp dport 80 accept",
        "tcp dport 443 accept",
        "tcp dport 9200 accept",
        "drop",
    ]
    # NFS is for servers: a machine of a person gets no answer.
    put(monkeypatch, "this_host", lambda: fleet.host("storage1"))
    assert not [rule for rule in chain("people", whole()) if "2049" in rule]
    put(monkeypatch, "may_log_in", lambda *_: False)
    assert not [rule for rule in chain("people", whole()) if "saddr" in rule]


def test_a_person_whose_time_is_over_reaches_ssh_no_more(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = {
        "ops-hypha-1": fleet.people["ops-hypha-1"].model_copy(update={"expires": date(2020, 1, 1)})
    }
    put(monkeypatch, "this_fleet", lambda: fleet.model_copy(update={"people": over}))
    assert "10.66.1.11" not in text(fleet, monkeypatch, "prod1", PUBLIC)


JAVA, SIP = Listener("tcp", 8443, "*", "java"), Listener("udp", 5060, "*")
KNOWN = (
    Listener("tcp", 2222, "*", "sshd"),
    Listener("udp", 51820, "*"),
    Listener("udp", 68, "*", "dhclient"),
    Listener("udp", 546, "fe80::1"),
    Listener("tcp", 111, "*", "rpcbind"),
)


def test_a_host_that_was_left_open_is_closed_once_nothing_else_listens(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, "_operator_outside", None)
    put(monkeypatch, "this_host", lambda: fleet.host("vpn1"))
    ssh = Listener("tcp", 22, "*", "sshd")
    assert hindrances(ssh, *KNOWN[1:]) == {}
    said = hindrances(ssh, *KNOWN[1:], JAVA, SIP)[PUBLIC]
    assert said.startswith("the public side: left as it is now, as something listens")
    assert "tcp 8443 (java), udp 5060. Open it with ports:" in said
    # What is closed serves nobody, so nothing hinders.
    assert hindrances(JAVA, live="jump public") == {}


def test_a_new_host_is_closed_and_told_what_the_run_closes(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, "this_host", lambda: fleet.host("vpn1"))
    assert hindrances(JAVA, SIP, live="") == {}
    (part,) = parts()
    said = part.says(TableState(listeners=(JAVA, SIP)))
    assert said and said.startswith("the public side: closes what listens and nothing opens: tcp")
    assert "goes on with ports: in the record, and everything with public: open" in said
    # Somebody has flushed the tables of a host that an earlier run has left open.
    there = {FILE: PathState("file", 0o644, "root", "root", content=b"")}
    assert hindrances(JAVA, live="", files=there).keys() == {PUBLIC}


@pytest.mark.parametrize(
    ("uplink", "is_told"), [("br-ext0", True), ("br0", False), ("eth0", False)]
)
def test_the_networks_own_bridge_is_not_taken_for_one_of_dockers(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, uplink: str, is_told: bool
) -> None:
    """Whatever comes by one of Docker's is let in."""
    put(monkeypatch, "this_host", changed(fleet, "vpn1", public="closed"))
    said = hindrances(live="", uplinks=(uplink,)).get(PUBLIC, "")
    assert ("comes by br-ext0, which is a name of Docker's" in said) == is_told


def test_a_host_outside_of_the_vpn_is_closed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = {"port": 443, "to": "all", "reason": "a page"}
    web = {"roles": [], "environment": "prod", "address": "192.0.2.41", "ports": [page]}
    fleet = fleet_of(tmp_path, sample(vpn1=HUB, web1=web), {"people": {"ops-hypha-1": PERSON}})
    put(monkeypatch, "this_fleet", lambda: fleet)
    put(monkeypatch, "this_host", lambda: fleet.host("web1"))
    assert [part.name for part in parts()] == [PUBLIC]
    closed = whole()
    assert chain("input", closed)[-1] == 'iifname != { "lo" } jump public'
    assert chain("public", closed)[6:] == ["tcp dport 22 accept", "tcp dport 443 accept", "drop"]
    # It knows nothing of the VPN's addresses, which may be others' where it is.
    assert "vpn" not in closed and "wg0" not in closed and "10.66" not in closed


def test_who_writes_closed_is_told_what_it_closes(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, "this_host", changed(fleet, "vpn1", public="closed"))
    assert hindrances(JAVA, SIP) == {}
    (part,) = parts()
    said = part.says(TableState(listeners=(JAVA, SIP)))
    assert said and "closes what listens and nothing opens: tcp 8443 (java), udp 5060." in said
    assert part.says(TableState(listeners=KNOWN[1:])) is None
    by_hand = PortByHand(port=8443, to="all", reason="a page of the provider's")
    put(monkeypatch, "this_host", changed(fleet, "vpn1", ports=(by_hand,)))
    assert hindrances(JAVA) == {}


def test_a_host_that_is_open_has_no_such_rule(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, "this_host", changed(fleet, "prod1", public="open"))
    assert [part.name for part in parts()] == ["SSH"]
    assert "jump" not in whole() and "chain public" not in whole()


def test_whether_a_port_is_open_by_the_table_in_force(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, "this_host", lambda: fleet.host("prod1"))
    ssh, web = Port("SSH", 2222, to="vpn"), Port("HTTP", 80, to="all")
    closed = whole()
    assert (is_open(ssh, closed), is_open(web, closed)) == (False, True)
    half = text(fleet, monkeypatch, "prod1", PUBLIC)
    assert (is_open(ssh, half), is_open(web, half)) == (True, True)
    assert is_open(ssh, "") and is_open(ssh, "chain input {}")
    assert not is_open(Port("Another", 8080, to="all"), closed)


def test_whoever_restarts_nftables_gets_the_table_back() -> None:
    """The service flushes all tables as it starts, stops and reloads."""
    drop_in = next(it for it in firewall._files() if it.path == firewall.DROP_IN)
    assert isinstance(drop_in, File)
    for when in ("ExecStartPost", "ExecReload", "ExecStopPost"):
        assert f"\n{when}=-/usr/sbin/nft -f {FILE}\n" in drop_in.content


def test_nothing_leaves_for_the_vpn_but_through_the_tunnel(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise NFS would leave in clear by the default route while the tunnel is down."""
    lines = [line.strip() for line in text(fleet, monkeypatch, "stg1").splitlines()]
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
    table = text(fleet, monkeypatch, "storage1", "NFS")
    assert 'iifname != { "lo", "wg0" } tcp dport 2049 drop' in table
    assert "dport 22 " not in table
    assert "2049" not in text(fleet, monkeypatch, "storage1")


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
    put(monkeypatch, "this_host", lambda: fleet.host("storage1"))
    seen = ExportsState(clients=frozenset(clients))
    with ctx_host.use(SimpleNamespace(name="storage1", get_fact=lambda _: seen)):
        hindrance = hindrances().get("NFS", "")
    assert hindrance.partition(" has ")[0] == says


@pytest.mark.parametrize(("inside", "answers"), [(False, True), (True, False), (True, True)])
def test_ssh_is_not_closed_to_an_operator_who_is_outside(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, inside: bool, answers: bool
) -> None:
    put(monkeypatch, "this_host", lambda: fleet.host("prod1"))
    put(monkeypatch, "address_here", lambda _: "10.66.1.11" if inside else None)
    put(monkeypatch, "address_in_vpn", lambda _: "10.66.0.22" if answers else None)
    found = hindrances()
    assert (found == {}) == (inside and answers)
    assert not found or "SSH: left as it is now" in found["SSH"]


def test_the_proof_for_nfs_is_that_it_is_closed_and_the_operator_still_in(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, proven: Any
) -> None:
    put(monkeypatch, "this_host", lambda: fleet.host("storage1"))
    proven.answers = {("192.0.2.11", 2049)}
    with pytest.raises(ConnectionError, match=r"port 2049 at 192\.0\.2\.11 is still open"):
        prove(["NFS"], TableState())
    assert proven.logins == [("ops-hypha-1", None)]


def test_at_a_boot_it_is_in_force_before_a_change_is_undone() -> None:
    unit = firewall._files()[0]
    assert isinstance(unit, File)
    # The unit that undoes a change at a boot comes after sysinit.target, like most services.
    assert "\nBefore=network-pre.target sysinit.target " in unit.content


def test_a_port_of_one_group_is_closed_to_the_rest_of_the_vpn(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def table(to: str) -> str:
        port = Port("Metrics", 9100, to=to)
        put(monkeypatch, "ports_of", lambda *_: [Port("SSH", 22, to="all"), port])
        return text(fleet, monkeypatch, "stg1")

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
    put(monkeypatch, "ports_of", lambda *_: ports)
    put(monkeypatch, "address_here", lambda _: None)
    table = text(fleet, monkeypatch, "prod1")
    assert "tcp dport 9100 drop" in table and "tcp dport 2222 drop" not in table
    assert hindrances()["SSH"].startswith("SSH: left as it is now, as you do not get in")
    assert "tcp dport 2222 drop" in whole() and "tcp dport 9100 drop" in whole()


def test_what_is_closed_at_once_is_proven_too(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, proven: Any
) -> None:
    put(monkeypatch, "this_host", lambda: fleet.host("prod1"))
    ports = [Port("SSH", 2222, to="vpn"), Port("Metrics", 9100, to="vpn")]
    put(monkeypatch, "ports_of", lambda *_: ports)
    proven.answers = {("192.0.2.22", 9100)}
    with pytest.raises(ConnectionError, match="Metrics: port 9100 at"):
        prove([], TableState())
    # SSH stays open, so the login is by the address of the run.
    assert proven.logins == [("ops-hypha-1", None)]


NODE = {
    "roles": ["bbb"],
    "environment": "prod",
    "ubuntu": "22.04",
    "address": "192.0.2.41",
    "vpn": {"addresses": ["10.66.0.41", "fd66::41"], "only_way_in": True},
    "bbb": {
        "hostname": "bbb1.example.org",
        "release": "3.0.35",
        "public": {"ipv4": "192.0.2.41"},
        "reaches": ["10.9.0.0/24"],
    },
}


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The table of a node of BigBlueButton."""
    found = fleet_of(tmp_path, sample(vpn1=HUB, bbb1=NODE), {"people": {"ops-hypha-1": PERSON}})
    put(monkeypatch, "this_fleet", lambda: found)
    put(monkeypatch, "this_host", lambda: found.host("bbb1"))
    return whole()


def test_what_strangers_name_leads_a_node_into_no_private_network(node: str) -> None:
    assert chain("private", node) == [
        "ct state established,related return",
        'oifname { "lo", "wg0", "docker0" } return',
        'oifname "br-*" return',
        "udp dport { 53, 67, 123, 547 } return",
        "tcp dport 53 return",
        "ip daddr { 10.9.0.0/24 } return",
        "ip daddr @private4 reject with icmpx admin-prohibited",
        "ip6 daddr @private6 reject with icmpx admin-prohibited",
    ]
    # The metadata of a provider lie at 169.254.169.254, and at fd00:ec2::254.
    private = "10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16"
    assert f"elements = {{ {private} }}" in node and "elements = { fc00::/7 }" in node
    assert chain("output", node)[-1] == "jump private"
    forward = chain("forward", node)
    # A container asks for itself: bbb-web has presentations converted in one.
    assert forward[3:5] == ['iifname "docker0" jump private', 'iifname "br-*" jump private']


def test_another_host_is_not_confined(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "private" not in text(fleet, monkeypatch, "prod1", "SSH", PUBLIC)


def test_a_node_opens_what_meetings_need_and_nothing_that_it_keeps_to_itself(node: str) -> None:
    assert chain("public", node)[6:] == [
        "udp dport 51820 accept",
        "tcp dport 80 accept",
        "tcp dport 443 accept",
        "tcp dport 3478 accept",
        "udp dport 3478 accept",
        "udp dport 16384-32768 accept",
        "drop",
    ]


@pytest.mark.parametrize(
    ("number", "program"),
    [(5432, "postgres"), (6379, "redis-server"), (8090, "java"), (7880, "livekit-server")],
)
def test_what_a_node_keeps_to_itself_is_told_if_it_listens_for_others(
    node: str, number: int, program: str
) -> None:
    """The audit tries each of these from outside: roles.firewall.found."""
    listens = Listener("tcp", number, "*", program)
    assert undeclared(TableState(listeners=(listens,))) == [listens]
    assert not is_open(Port(program, number, to="all"), node)
