"""Mistakes with certificates are refused before the first connection."""

from pathlib import Path
from typing import Any

import pytest

from fleet.load import read
from tests.unit.fleet.test_groups import spoilt
from tests.unit.fleet_samples import (
    GROUP_DATA,
    NOW,
    PEOPLE,
    fleet_of,
    places,
    problems_of,
    sample,
    write,
)

WEB: dict[str, Any] = {
    "roles": [],
    "environment": "prod",
    "address": "192.0.2.41",
    "certificate": {"name": "meet.example.org"},
    "ports": [{"port": it, "to": "all", "reason": "a page"} for it in (80, 443)],
}


def port(number: int, to: str = "all") -> dict[str, Any]:
    return {"port": number, "to": to, "reason": "a page"}


def test_a_site_has_a_certificate_by_acme_unless_it_says_otherwise(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample(stg1__site__certificate="own", web1=WEB))
    shows = {name: it.shows for name, it in fleet.hosts.items()}
    assert shows["storage1"] is None and "certificates" not in fleet.host("storage1").groups
    prod, stg, web = shows["prod1"], shows["stg1"], shows["web1"]
    assert prod and stg and web
    assert (prod.name, prod.source, prod.server) == ("vision2.example.org", "acme", "nginx")
    assert stg.source == "own" and web.name == "meet.example.org"
    assert "certificates" in fleet.host("web1").groups


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"name": "meet"}, "certificate.name"),
        ({"name": "meet.example.org", "source": "other"}, "certificate.source"),
        ({"name": "meet.example.org", "server": "apache"}, "certificate.server"),
        ({"source": "acme"}, "certificate.name"),
    ],
)
def test_a_mistake_names_its_field(tmp_path: Path, fields: dict[str, str], place: str) -> None:
    assert places(problems_of(tmp_path, sample(web1={**WEB, "certificate": fields}))) == [
        ("web1", place)
    ]


def test_two_hosts_have_two_names(tmp_path: Path) -> None:
    same = {**WEB, "certificate": {"name": "vision.example.org"}}
    (problem,) = problems_of(tmp_path, sample(web1=same))
    assert (problem.record, problem.field) == ("web1", "certificate.name")
    assert "also that of stg1" in problem.message


def test_a_site_has_one_certificate(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, sample(prod1__certificate={"name": "x.example.org"}))
    assert (problem.record, problem.field) == ("prod1", "certificate")


@pytest.mark.parametrize(
    ("ports", "source", "closed"),
    [
        ([port(80), port(443)], "acme", []),
        ([port(443)], "acme", [80]),
        ([port(443)], "own", []),
        ([port(80)], "own", [443]),
        ([port(80, "vpn"), port(443)], "acme", [80]),
        ([{**port(70), "last": 90}, port(443)], "acme", []),
        ([], "acme", [443, 80]),
    ],
)
def test_visitors_and_the_acme_server_reach_the_ports(
    tmp_path: Path, ports: list[dict[str, Any]], source: str, closed: list[int]
) -> None:
    certificate = {"name": "meet.example.org", "source": source}
    vpn = {"addresses": ["10.66.0.41", "fd66::41"]}
    host = {**WEB, "vpn": vpn, "ports": ports, "certificate": certificate}
    found = problems_of(tmp_path, sample(web1=host))
    assert [it.message.split(" is not open")[0] for it in found] == [f"tcp {it}" for it in closed]
    assert {(it.record, it.field) for it in found} <= {("web1", "ports")}


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("chosen = 'lab'", "chosen"),
        ("email = 'nobody'", "email"),
        ("hsts_seconds = -1", "hsts_seconds"),
        ("acme['staging']['directory'] = 'http://example.org/'", "acme staging.directory"),
        ("del acme['lab']", "acme lab"),
    ],
)
def test_a_mistake_in_group_data_names_the_variable(tmp_path: Path, line: str, place: str) -> None:
    (problem,) = spoilt(tmp_path, "certificates", line)
    assert f"{problem.record} {problem.field}".strip() == place


def test_only_the_lab_s_hosts_ask_the_lab_s_server(tmp_path: Path) -> None:
    people = write(tmp_path, PEOPLE, "people.yml")
    for name, host in (("coop.yml", "letsencrypt.org"), ("lab.yml", "10.78.0.1")):
        fleet = read(write(tmp_path, sample(), name), GROUP_DATA, people, NOW)
        assert host in fleet.acme_server.directory
    assert read(write(tmp_path, sample()), GROUP_DATA, people, NOW).acme_server.ca is None
