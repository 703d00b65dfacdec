"""What nobody notices as it changes."""

from pathlib import Path
from typing import Any

import pytest

from fleet.model import Fleet
from operations.files import File
from roles.bbb import at_once, staged
from tests.unit.roles.bbb.nodes import fleet_with


def texts(fleet: Fleet) -> dict[str, str]:
    entries = at_once.entries(fleet, fleet.host("bbb1"))
    return {it.path: it.content for it in entries if isinstance(it, File)}


@pytest.mark.parametrize("line", ["3.0", "4.0"])
def test_each_file_of_class_a_is_known(tmp_path: Path, line: str) -> None:
    files = fleet_with(tmp_path).bbb.lines[line].files
    found = {it.path for it in files if it.kind == "A"} - set(at_once.OF_OTHERS)
    assert found == {*at_once.TEMPLATES}


def test_the_gate_is_not_among_them(tmp_path: Path) -> None:
    """The program closes and opens the gate by a file of its own."""
    of_nginx = [it for it in texts(fleet_with(tmp_path)) if "/bigbluebutton/nginx/" in it]
    assert of_nginx == [at_once.OURS]


def test_what_bbb_conf_runs_opens_nothing(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path)
    path = "/etc/bigbluebutton/bbb-conf/apply-config.sh"
    code = [it for it in texts(fleet)[path].splitlines() if not it.startswith("#")]
    assert code == ["exit 0"]
    (entry,) = [it for it in at_once.entries(fleet, fleet.host("bbb1")) if it.path == path]
    # bbb-conf runs it only if it is executable.
    assert isinstance(entry, File) and entry.mode == 0o755


def test_what_recordings_were_made_of_goes_after_its_days(tmp_path: Path) -> None:
    found = texts(fleet_with(tmp_path, recordings={"raw_days": 9}))
    cron = found["/etc/default/bigbluebutton-cron-config"]
    assert {"history=9", "unrecorded_days=9", "published_days=9"} <= set(cron.splitlines())


@pytest.mark.parametrize("turn", ["local", ["turn:turn.example.org"]])
def test_pages_and_the_nodes_own_relay_share_a_port(tmp_path: Path, turn: Any) -> None:
    """Whatever the data says of relays: what browsers were told only changes in a window."""
    text = texts(fleet_with(tmp_path, turn=turn))[at_once.HAPROXY]
    assert "default_backend turn\n" in text
    # The installer's coturn listens at no other address.
    assert "backend turn\n\tserver coturn 203.0.113.41:3478\n" in text
    assert f"ssl crt {staged.BUNDLE} alpn" in text


def test_a_node_without_ipv6_listens_there_nowhere(tmp_path: Path) -> None:
    found = texts(fleet_with(tmp_path, public={"ipv4": "203.0.113.41"}))
    assert "::" not in found[at_once.HAPROXY] and "[::]" not in found[at_once.SITE]
    found = texts(fleet_with(tmp_path))
    assert ":::443" in found[at_once.HAPROXY] and "listen [::]:80;" in found[at_once.SITE]


def test_the_site_has_the_packages_parts_and_a_name_that_no_package_changes(
    tmp_path: Path,
) -> None:
    text = texts(fleet_with(tmp_path))[at_once.SITE]
    assert "  include /etc/bigbluebutton/nginx/*.nginx;\n" in text
    # bbb-html5's postinst puts an address after `server_name` and two spaces.
    assert "server_name bbb1.example.org;" in text and "server_name  " not in text
