"""What is staged for the node's own program is what that program reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet.derived.bbb import line_of
from fleet.model import Fleet
from programs.bbb import reading
from programs.bbb.wanted import MARK, MARKS, Off, Xml
from roles.bbb import staged
from roles.bbb.texts import CHECKSUMS
from tests.unit.fleet_samples import fleet_of, sample
from tests.unit.roles.bbb.nodes import BEHIND_NAT, fleet_with, node

NOBLE = {"release": "4.0.0"}


def read(fleet: Fleet, turn: str | None = None) -> Any:
    return reading.parse(staged.wanted_text(fleet, fleet.host("bbb1"), turn).encode())


def noble(directory: Path) -> Fleet:
    """A node of line 4.0."""
    record = {**node(**NOBLE), "ubuntu": "24.04"}
    return fleet_of(directory, sample(bbb1=record))


@pytest.mark.parametrize("changes", [{}, BEHIND_NAT, {"notes": "etherpad"}])
def test_the_program_reads_it(tmp_path: Path, changes: dict[str, Any]) -> None:
    wanted = read(fleet_with(tmp_path, **changes))
    assert (wanted.release, wanted.hostname) == ("3.0.35", "bbb1.example.org")
    assert "/jammy-300-3.0.35 bigbluebutton-jammy main" in wanted.apt.source
    assert wanted.limit == 90 * 60


def test_the_program_reads_that_of_a_newer_line(tmp_path: Path) -> None:
    fleet = noble(tmp_path)
    wanted = read(fleet)
    assert "/etc/bigbluebutton/livekit.yaml" in {it.path for it in wanted.files}
    assert {"livekit-server.service", "coturn.service"} <= {it.name for it in wanted.units}


@pytest.mark.parametrize("line", ["3.0", "4.0"])
def test_each_file_of_a_line_that_needs_a_window_is_known(tmp_path: Path, line: str) -> None:
    files = fleet_with(tmp_path).bbb.lines[line].files
    assert files
    assert {it.path for it in files if it.kind != "A"} <= staged.TEXTS.keys()


def test_the_places_of_secrets_are_marks_and_all_of_them_are_known(tmp_path: Path) -> None:
    wanted = read(noble(tmp_path))
    texts = [it.content for it in wanted.files]
    texts += [text for it in wanted.patches if isinstance(it, Xml) for text in it.set.values()]
    found = {mark for text in texts for mark in MARK.findall(text)}
    assert found == set(MARKS)
    with_secret = {it.path for it in wanted.files if "@SECRET@" in it.content}
    assert with_secret == {
        "/etc/bigbluebutton/bbb-web.properties",
        "/etc/bigbluebutton/bbb-apps-akka.conf",
        "/etc/bigbluebutton/bbb-webhooks/production.yml",
    }
    # Nobody but BigBlueButton's own account reads them.
    assert {it.mode for it in wanted.files if "@" in it.content} == {0o640}


def test_a_unit_that_is_a_choice_counts_where_its_package_is_chosen(tmp_path: Path) -> None:
    blocknote = {it.name for it in read(fleet_with(tmp_path)).units}
    assert "bbb-shared-notes-server.service" in blocknote
    assert not {"etherpad.service", "livekit-server.service"} & blocknote
    etherpad = {it.name for it in read(fleet_with(tmp_path, notes="etherpad")).units}
    assert {"etherpad.service", "bbb-pads.service"} <= etherpad
    assert "bbb-shared-notes-server.service" not in etherpad


def test_what_runs_beside_it_and_no_package_of_it_pulls_is_installed_by_name(
    tmp_path: Path,
) -> None:
    wanted = read(fleet_with(tmp_path))
    beside = {"coturn.service", "docker.service", "haproxy.service"}
    assert beside <= {it.name for it in wanted.units}
    assert {"coturn", "docker-ce", "haproxy"} <= set(wanted.apt.packages)


def test_what_is_chosen_may_not_go(tmp_path: Path) -> None:
    assert read(fleet_with(tmp_path)).apt.may_go == ("bbb-etherpad", "bbb-pads")
    etherpad = read(fleet_with(tmp_path, notes="etherpad")).apt
    assert etherpad.may_go == () and {"bbb-etherpad", "bbb-pads"} <= set(etherpad.packages)


@pytest.mark.parametrize(
    ("public", "off"), [({}, False), ({"public": {"ipv4": "203.0.113.41"}}, True)]
)
def test_freeswitch_has_profiles_for_ipv6_exactly_where_the_node_has_it(
    tmp_path: Path, public: dict[str, Any], off: bool
) -> None:
    patches = read(fleet_with(tmp_path, **public)).patches
    assert {it.off for it in patches if isinstance(it, Off)} == {off}


def test_behind_nat_freeswitch_is_told_both_addresses(tmp_path: Path) -> None:
    wanted = read(fleet_with(tmp_path, **BEHIND_NAT))
    said = {text for it in wanted.patches if isinstance(it, Xml) for text in it.set.values()}
    assert {"local_ip_v4=10.1.2.3", "external_rtp_ip=203.0.113.41", "127.0.0.1"} <= said


def test_the_secret_of_relays_elsewhere_is_in_no_other_place(tmp_path: Path) -> None:
    turn = {"turn": ["turns:turn.example.org:443?transport=tcp"]}
    wanted = read(fleet_with(tmp_path, **turn), "0123456789abcdef" * 2)
    found = {it.path for it in wanted.files if "0123456789abcdef" in it.content}
    assert "/etc/bigbluebutton/turn-stun-servers.xml" in found
    assert not any("@TURN@" in it.content for it in wanted.files)


def test_the_digest_is_the_one_by_which_the_program_knows_the_text(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path)
    assert staged.digest(fleet, fleet.host("bbb1")) == read(fleet).digest
    other = fleet_with(tmp_path, notes="etherpad")
    assert staged.digest(other, other.host("bbb1")) != read(fleet).digest


def test_the_text_has_no_secret_and_is_the_same_each_time(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path)
    text = staged.wanted_text(fleet, fleet.host("bbb1"))
    assert text == staged.wanted_text(fleet, fleet.host("bbb1"))
    assert json.loads(text)["format"] == staged.FORMAT
    assert set(CHECKSUMS) >= {"sha256", "sha512"} and line_of(fleet, fleet.host("bbb1"))
