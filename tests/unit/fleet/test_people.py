"""Mistakes in people.yml are reported at their place; correct records give accounts and keys."""

import copy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet.derived.access import accounts_on, lockout
from fleet.model import Fleet
from tests.unit.fleet_samples import HUB, KEY, NOW, PEOPLE, fleet_of, places, problems_of, sample

KEY2 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAPhwLgybPuAXi1adVzZc7WlsOhZidx6YWBUwSNa/Bxe"
KEY3 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFSXVa3HqedJGOeVUAAGNeI7PNOlAHWjdF2n5Jiqira+"
WIREGUARD = "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ="
VPN = {"public_key": WIREGUARD, "addresses": ["10.66.1.21", "fd66:0:0:1::21"]}


def people(**fields: Any) -> dict[str, Any]:
    """The sample's people and web-1, who may log in to the vision hosts, with these fields."""
    web = {"coop": "hypha", "access": {"vision": "login"}, "ssh_keys": [{"key": KEY2}], **fields}
    return {"people": {**copy.deepcopy(PEOPLE["people"]), "web-1": web}}


def fleet(directory: Path, **fields: Any) -> Fleet:
    return fleet_of(directory, sample(vpn1=HUB), people(**fields))


@pytest.mark.parametrize(
    ("fields", "place", "says"),
    [
        ({"coop": "Hypha"}, "coop", "not a co-op"),
        ({"access": {}}, "access", "gives no access"),
        ({"access": {"vison": "login"}}, "access.vison", "no host and no group"),
        ({"access": {"prod1": "root"}}, "access.prod1", "'login' or 'admin'"),
        ({"access": "all"}, "access", "'all' is not accepted"),
        ({"ssh_keys": [{"key": f"no-pty {KEY2}"}]}, "ssh_keys.0.key", "an option stands before"),
        ({"ssh_keys": [{"key": f"{KEY2}\n{KEY2}"}]}, "ssh_keys.0.key", "not one line"),
        ({"ssh_keys": [KEY2]}, "ssh_keys.0", "a mapping of fields"),
        ({"ssh_keys": [{"key": f"{KEY} other name"}]}, "ssh_keys", "that of ops-hypha-1"),
        (
            {"ssh_keys": [{"key": KEY2, "only_from": ["10.66.0.1/24"]}]},
            "ssh_keys.0.only_from.0",
            "write 10.66.0.0/24",
        ),
        (
            {"ssh_keys": [{"key": KEY2, "only_from": ["10.66.0.1"]}]},
            "ssh_keys.0.only_from.0",
            "write 10.66.0.1/32",
        ),
        (
            {"ssh_keys": [{"key": KEY2, "only_from": ["10.66.0.0/33"]}]},
            "ssh_keys.0.only_from.0",
            "not an IP prefix",
        ),
        ({"expires": "2027-06-30"}, "expires", "without quotes"),
        ({"expires": datetime(2027, 6, 30, 12)}, "expires", "not a date"),
        ({"expires": 20270630}, "expires", "not a date"),
        ({"expires": date(9999, 12, 31)}, "expires", "leave it out"),
        ({"ssh_keys": [{"key": KEY2, "expires": "soon"}]}, "ssh_keys.0.expires", "not a date"),
        ({"vpn": {**VPN, "public_key": "x"}}, "vpn.public_key", "not a WireGuard"),
        ({"vpn": {**VPN, "addresses": []}}, "vpn.addresses", "at least 1"),
        ({"vpn": {**VPN, "addresses": ["10.66.1.21"]}}, "vpn.addresses", "not one IPv4 and one"),
        (
            {"vpn": {**VPN, "addresses": [*VPN["addresses"], "10.66.1.22"]}},
            "vpn.addresses",
            "not one IPv4 and one",
        ),
        (
            {"vpn": {**VPN, "addresses": [*VPN["addresses"], "10.99.0.1"]}},
            "vpn.addresses",
            "vpn1 has 10.66.1.0/24 and fd66:0:0:1::/64",
        ),
        (
            {"vpn": {**VPN, "addresses": ["10.66.1.255", "fd66:0:0:1::21"]}},
            "vpn.addresses",
            "10.66.1.255",
        ),
        ({"sudo": True}, "sudo", "the fields are coop, access"),
    ],
)
def test_a_mistake_names_person_and_field(
    tmp_path: Path, fields: dict[str, Any], place: str, says: str
) -> None:
    problems = problems_of(tmp_path, sample(vpn1=HUB), people=people(**fields))
    found = {(problem.record, problem.field): str(problem) for problem in problems}
    assert says in found["web-1", place]
    assert {record for record, _ in found} == {"web-1"}


def test_people_share_neither_vpn_key_nor_address(tmp_path: Path) -> None:
    data = people(vpn=VPN)
    data["people"]["web-2"] = {**data["people"]["web-1"], "ssh_keys": [], "vpn": VPN}
    problems = problems_of(tmp_path, sample(vpn1=HUB), people=data)
    assert places(problems) == [
        ("web-2", "vpn.public_key"),
        ("web-2", "vpn.addresses"),
        ("web-2", "vpn.addresses"),
    ]


@pytest.mark.parametrize(
    "name",
    ["root", "www-data", "Ops", "a b", "../x", "vision", "docker", "coop-pull", "coop-admins"],
)
def test_a_name_is_one_that_a_person_s_account_can_have(tmp_path: Path, name: str) -> None:
    data = people()
    data["people"][name] = data["people"].pop("web-1")
    assert (name, "name") in places(problems_of(tmp_path, sample(), people=data))


def test_a_person_who_is_there_twice_is_refused(tmp_path: Path) -> None:
    text = "people:\n  web-1: {coop: hypha}\n  web-1: {coop: hypha}\n"
    problems = problems_of(tmp_path, sample(), people=text)
    assert "line 3: 'web-1' is there twice" in str(problems[0])


def test_without_a_vpn_nobody_has_an_address_there(tmp_path: Path) -> None:
    (problem, _) = problems_of(tmp_path, sample(), people=people(vpn=VPN))
    assert "give a host the role hub first" in problem.remedy


@pytest.mark.parametrize(
    "change",
    [
        {"access": {"all": "login"}},
        {"access": {"prod1": "admin", "storage": "admin"}},
        {"ssh_keys": []},
        {"expires": date(2026, 11, 24)},
        {"ssh_keys": [{"key": KEY, "expires": date(2026, 11, 24)}]},
    ],
)
def test_no_host_is_left_without_an_admin(tmp_path: Path, change: dict[str, Any]) -> None:
    data = people()
    data["people"]["ops-hypha-1"].update(change)
    problems = problems_of(tmp_path, sample(), people=data)
    assert "nobody may administer stg1" in " ".join(problem.message for problem in problems)
    assert all(problem.remedy for problem in problems)


def test_nobody_at_all_is_refused(tmp_path: Path) -> None:
    assert len(problems_of(tmp_path, sample(), people={"people": {}})) == len(sample()["hosts"])


def test_people_have_accounts_where_they_have_access(tmp_path: Path) -> None:
    found = fleet(tmp_path)
    on_prod = accounts_on(found.people.values(), found.host("prod1"), NOW)
    assert [(it.name, it.admin) for it in on_prod] == [("ops-hypha-1", True), ("web-1", False)]
    on_storage = accounts_on(found.people.values(), found.host("storage1"), NOW)
    assert [it.name for it in on_storage] == ["ops-hypha-1"]


def test_two_names_are_not_one_variable(tmp_path: Path) -> None:
    """In .env each person's secret has a variable of its own."""
    data = people()
    data["people"]["web_1"] = {"coop": "hypha", "access": {"vision": "login"}}
    (problem,) = problems_of(tmp_path, sample(), people=data)
    assert (problem.record, problem.field) == ("web_1", "name")
    assert "WIREGUARD_PSK_WEB_1 is also that of web-1" in problem.message


def test_the_stronger_of_two_rights_counts(tmp_path: Path) -> None:
    found = fleet(tmp_path, access={"prod1": "admin", "vision": "login"})
    assert {
        host: it.admin
        for host in ("prod1", "stg1")
        for it in accounts_on(found.people.values(), found.host(host), NOW)
        if it.name == "web-1"
    } == {"prod1": True, "stg1": False}


def test_a_key_s_line_says_whose_it_is_and_what_limits_it(tmp_path: Path) -> None:
    limited = {
        "key": f"{KEY2} laptop",
        "only_from": ["10.66.0.0/16", "fd66::/48"],
        "expires": date(2027, 6, 30),
    }
    found = fleet(tmp_path, ssh_keys=[limited], expires=date(2027, 12, 31))
    (_, web) = accounts_on(found.people.values(), found.host("prod1"), NOW)
    assert web.keys == (
        f'from="10.66.0.0/16,fd66::/48",expiry-time="202707010000Z" {KEY2} web-1 laptop',
    )
    (operator, _) = accounts_on(found.people.values(), found.host("prod1"), NOW)
    assert operator.keys == (f"{KEY} ops-hypha-1",)


def test_a_key_ends_with_its_person(tmp_path: Path) -> None:
    late = {"key": KEY2, "expires": date(2028, 1, 1)}
    found = fleet(tmp_path, ssh_keys=[late], expires=date(2026, 12, 31))
    (_, web) = accounts_on(found.people.values(), found.host("prod1"), NOW)
    assert web.keys == (f'expiry-time="202701010000Z" {KEY2} web-1',)


def test_the_last_day_counts_in_full_and_not_a_moment_more(tmp_path: Path) -> None:
    found = fleet(tmp_path, expires=date(2026, 12, 31))
    host, end = found.host("prod1"), datetime(2027, 1, 1, tzinfo=UTC)
    assert len(accounts_on(found.people.values(), host, end - timedelta(seconds=1))) == 2
    assert [it.name for it in accounts_on(found.people.values(), host, end)] == ["ops-hypha-1"]


def test_an_expired_person_is_no_mistake(tmp_path: Path) -> None:
    """The next run takes the person away, so the day must not stop that run."""
    assert problems_of(tmp_path, sample(), people=people(expires=date(2020, 1, 1))) == []


LOGIN = {"access": {"all": "login"}}


@pytest.mark.parametrize(
    ("fields", "key", "reason"),
    [
        ({"access": {"prod1": "admin"}}, KEY2, None),
        ({"access": {"prod1": "admin"}}, KEY, None),
        (LOGIN, KEY2, "a key of web-1, who would be no admin there any more"),
        ({"access": {"stg1": "admin"}}, KEY2, "would be no admin there"),
        ({"access": {"all": "admin"}, "expires": date(2026, 11, 24)}, KEY2, "would be no admin"),
        ({"access": {"all": "admin"}, "ssh_keys": []}, KEY2, "is nobody's"),
        (
            {
                "access": {"all": "admin"},
                "ssh_keys": [{"key": KEY2, "expires": date(2026, 11, 24)}, {"key": KEY3}],
            },
            KEY2,
            "the key of web-1 by which you are logged in has expired",
        ),
        ({"access": {"all": "admin"}}, None, "not logged in by an SSH key"),
    ],
)
def test_whether_the_operator_would_get_in_again(
    tmp_path: Path, fields: dict[str, Any], key: str | None, reason: str | None
) -> None:
    found = fleet(tmp_path, **fields)
    said = lockout(found.people.values(), found.host("prod1"), key, NOW)
    assert (said is None) if reason is None else (said is not None and reason in said)


def test_a_host_with_the_vpn_as_its_only_way_in_has_an_admin_inside(tmp_path: Path) -> None:
    closed = {"addresses": ["10.66.0.22", "fd66::22"], "only_way_in": True}
    hosts = sample(vpn1=HUB, prod1__vpn=closed)
    (problem,) = problems_of(tmp_path, hosts, people=people(vpn=VPN))
    assert places([problem]) == [("people", "vpn")]
    assert "the VPN is the only way into prod1" in problem.message
    inside = people(access={"prod1": "admin"}, vpn=VPN)
    assert problems_of(tmp_path, hosts, people=inside) == []
    for prefix, fits in (("203.0.113.0/24", False), ("10.66.1.0/24", True)):
        key = {"key": KEY2, "only_from": [prefix]}
        found = people(access={"prod1": "admin"}, vpn=VPN, ssh_keys=[key])
        assert (problems_of(tmp_path, hosts, people=found) == []) is fits
