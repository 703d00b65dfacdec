"""Nodes of BigBlueButton, between each other, with their lines and with balancers."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from fleet.checks.bbb import check_keys
from fleet.reading.problems import Problem
from tests.unit.fleet.bbb_samples import node, problems
from tests.unit.fleet_samples import GROUP_DATA, REMOVED, fleet_of, places, problems_of, sample

GROUP = "group_data/bbb.py"


def with_group_data(
    directory: Path, line: str, group: str = "bbb", **nodes: dict[str, Any]
) -> list[Problem]:
    """The problems if the group's file has this line at its end."""
    copy = directory / "group_data"
    shutil.copytree(GROUP_DATA, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / f"{group}.py").open("a") as file:
        file.write(f"\n{line}\n")
    return problems_of(directory, sample(**nodes), copy)


def test_two_nodes_are_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, node(1), node(2)) == []


def test_a_release_of_no_line_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, node(bbb__release="3.1.2"))
    assert places([problem]) == [("bbb1", "bbb.release")]
    assert "2.7 or 3.0 or 4.0, or add 3.1 to group_data/bbb.py" in problem.remedy


def test_a_release_on_another_ubuntu_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, node(ubuntu="24.04"))
    assert places([problem]) == [("bbb1", "bbb.release")]
    assert "3.0.35 needs Ubuntu 22.04, and the host has 24.04" in problem.message


def test_two_nodes_with_one_hostname_are_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, node(1), node(2, bbb__hostname="bbb1.example.org"))
    assert places([problem]) == [("bbb2", "bbb.hostname")]
    assert "also that of bbb1" in problem.message


def test_a_node_with_the_name_of_a_board_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, node(bbb__hostname="vision2.example.org"))
    assert places([problem]) == [("bbb1", "bbb.hostname")]
    assert "also the site of prod1" in problem.message


def old(**changes: Any) -> dict[str, Any]:
    values = {"bbb__release": "2.7.14", "ubuntu": "20.04", "bbb__notes": "etherpad", **changes}
    return node(2, **values)


def test_a_line_that_is_no_longer_supported_serves_nowhere(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, node(1), old())
    assert places([problem]) == [("bbb2", "bbb.wanted")]
    assert "write wanted: drained or retired" in problem.remedy


@pytest.mark.parametrize("wanted", ["drained", "retired"])
def test_its_nodes_go_one_after_the_other(tmp_path: Path, wanted: str) -> None:
    assert problems(tmp_path, node(1), old(bbb__wanted=wanted)) == []


def test_notes_that_a_line_lacks_are_refused(tmp_path: Path) -> None:
    record = node(ubuntu="24.04", bbb__release="4.0.1", bbb__notes="etherpad")
    (problem,) = problems(tmp_path, record)
    assert places([problem]) == [("bbb1", "bbb.notes")]
    assert "write blocknote" in problem.remedy


def test_a_format_that_a_line_lacks_is_refused(tmp_path: Path) -> None:
    (problem,) = with_group_data(tmp_path, "del lines['3.0']['formats']['video']", bbb1=node())
    assert places([problem]) == [("bbb1", "bbb.recordings.formats.1")]


def test_a_balancer_that_there_is_not_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, node(bbb__balancer="greenlight"))
    assert places([problem]) == [("bbb1", "bbb.balancer")]
    assert "write one of meet" in problem.remedy


def test_what_bbblb_does_not_have_is_refused_before_a_node_is_drained_for_it(
    tmp_path: Path,
) -> None:
    line = "balancers['meet'] = {'driver': 'bbblb', 'url': 'command:/x/meet', 'min_serving': 1}"
    found = with_group_data(tmp_path, line, bbb1=node(bbb__weight=2, bbb__tag="large"))
    assert places(found) == [("bbb1", "bbb.weight"), ("bbb1", "bbb.tag")]
    assert "meet is bbblb, which has no weight for a server" in found[0].message


def test_two_nodes_do_not_have_one_address_in_public(tmp_path: Path) -> None:
    other = node(2, bbb__public={"ipv4": "192.0.2.41"})
    found = problems(tmp_path, node(1), other)
    assert ("bbb2", "bbb.public") in places(found) or ("bbb1", "bbb.public") in places(found)


def test_the_last_node_of_a_balancer_is_not_retired(tmp_path: Path) -> None:
    others = node(2, bbb__balancer=REMOVED, bbb__tag=REMOVED)
    found = problems(tmp_path, node(1, bbb__wanted="retired"), others)
    assert ("bbb1", "bbb.wanted") in places(found)
    assert "no node would serve at the balancer meet" in found[0].message


def test_the_last_node_at_all_is_not_retired(tmp_path: Path) -> None:
    alone = node(bbb__wanted="retired", bbb__balancer=REMOVED, bbb__tag=REMOVED)
    (problem,) = problems(tmp_path, alone)
    assert places([problem]) == [("bbb1", "bbb.wanted")]
    assert "add another node first" in problem.remedy


def test_a_node_beside_another_is_retired(tmp_path: Path) -> None:
    assert problems(tmp_path, node(1, bbb__wanted="retired"), node(2)) == []


def test_fewer_nodes_than_a_balancer_needs_are_refused(tmp_path: Path) -> None:
    """The roll would wait for ever: it drains no node if fewer would be left."""
    line = "balancers['meet']['min_serving'] = 2"
    (problem,) = with_group_data(tmp_path, line, bbb1=node(1), bbb2=node(2, bbb__wanted="drained"))
    assert (problem.file, problem.record, problem.field) == (GROUP, "balancers", "meet.min_serving")
    assert "2 nodes have to serve at any time, and 1 would" in problem.message


def test_a_balancer_without_nodes_in_this_inventory_is_none_of_its_business(tmp_path: Path) -> None:
    assert with_group_data(tmp_path, "balancers['meet']['min_serving'] = 2") == []


@pytest.mark.parametrize(
    ("line", "place", "says"),
    [
        ("del balancers['meet']['min_serving']", "balancers meet.min_serving", "is missing"),
        ("balancers['meet']['url'] += '/'", "balancers meet.url", "without / at its end"),
        ("balancers['meet']['url'] = 'meet'", "balancers meet.url", "address of a balancer"),
        ("balancers['meet']['driver'] = 'b3lb'", "balancers meet.driver", "'bbblb'"),
        ("patience = 14400", "patience", "such as 30s, 20m or 4h"),
        ("lines['3.0']['ubuntu'] = '22.10'", "lines 3.0.ubuntu", "no release of Ubuntu"),
        ("lines['3.0']['repository'] = 'jammy-300'", "lines 3.0.repository", "one release"),
        ("lines['3.0']['sources'] = []", "lines 3.0.sources", "no source of packages"),
        (
            "lines['3.0']['sources'][0]['fingerprint'] = '37B5DD5EFAB46452'",
            "lines 3.0.sources.0.fingerprint",
            "all 40 hex digits",
        ),
        (
            "lines['3.0']['patches'][0]['set']['data'] = '{hostnam}'",
            "lines 3.0.patches.0.xml.set.data",
            "no patch knows",
        ),
        (
            "lines['3.0']['patches'][0]['where']['data'] = '('",
            "lines 3.0.patches.0.xml.where.data",
            "regular expression",
        ),
        ("lines['3.0']['units'][0]['kind'] = 'D'", "lines 3.0.units.0.kind", "'A', 'B' or 'C'"),
        ("lines['3.x'] = lines.pop('3.0')", "lines 3.x.[key]", "a line of releases"),
    ],
)
def test_a_mistake_in_the_lines_names_its_place(
    tmp_path: Path, line: str, place: str, says: str
) -> None:
    found = with_group_data(tmp_path, line)
    assert {it.file.rpartition("/")[2] for it in found} == {"bbb.py"}
    # The lines share lists, so that a mistake in one may be in others too.
    assert place in [f"{it.record} {it.field}".strip() for it in found]
    assert says in str(found[0])


@pytest.mark.parametrize("path", ["/var/bigbluebutton", "/var/bigbluebutton/published", "/var"])
def test_no_storage_is_mounted_where_an_upgrade_changes_owners(tmp_path: Path, path: str) -> None:
    volume = {"quota": "9G", "uid": 20009, "encrypted": False}
    found = with_group_data(tmp_path, f"mountpoint = '{path}'", "clients", bbb1=node(volume=volume))
    assert (found[0].file, found[0].record) == ("group_data/clients.py", "mountpoint")
    assert "an upgrade of BigBlueButton fails" in found[0].message


def test_beside_that_directory_the_storage_is_welcome(tmp_path: Path) -> None:
    volume = {"quota": "9G", "uid": 20009, "encrypted": False}
    assert problems(tmp_path, node(volume=volume)) == []


def test_a_key_that_nobody_knows_is_told_for_the_hosts_that_need_it(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample(bbb1=node(bbb__mirror=REMOVED), bbb2=node(2)))
    found = list(check_keys(fleet, fleet.hosts.values()))
    unknown = [it.name for it in fleet.bbb.lines["3.0"].sources if it.fingerprint is None]
    assert len(found) == len(unknown) > 0, "no test otherwise"
    assert [name for name in unknown if any(name in it.message for it in found)] == unknown
    assert {it.file for it in found} == {GROUP}
    assert all(re.fullmatch(r"3\.0\.sources\.\d\.fingerprint", it.field) for it in found)
    # A mirror has a key of its own.
    assert list(check_keys(fleet, [fleet.host("bbb2"), fleet.host("prod1")])) == []
