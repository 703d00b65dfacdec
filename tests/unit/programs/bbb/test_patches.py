"""Patches find their one place, and change nothing else."""

from pathlib import Path
from typing import Any

import pytest

from programs.bbb import patches
from programs.bbb.failed import Failed
from programs.bbb.wanted import Line, Off, Patch, Properties, Xml, Yaml
from tests.unit.programs.bbb.node import Node

VALUES = {"ESL": "EslEslEslEslEsl1"}
SOCKET = """<configuration name="event_socket.conf" description="Socket Client">
  <!-- <param name="password" value="commented"/> -->
  <settings>
    <param name="listen-ip" value="::"/>
    <param   name='password'   value='ClueCon' />
    <param name="password-hint" value="none"/>
  </settings>
</configuration>
"""
VARS = """<include>
  <X-PRE-PROCESS cmd="set" data="local_ip_v4=10.0.0.1"/>
  <X-PRE-PROCESS cmd="set" data="external_rtp_ip=stun:stun.freeswitch.org"/>
</include>
"""
YAML = """# playback_host: none
playback_host: old.example.org   # by bbb-conf
notes:
- playback_host: in a list
nested:
  playback_host: "deep"
  empty:
  deeper:
    - x
"""


def xml(where: dict[str, str], put: dict[str, str], element: str = "param") -> Xml:
    return Xml("/f", "C", element, where, put)


PASSWORD = xml({"name": "password"}, {"value": "@ESL@"})


def test_an_element_outside_comments_gets_its_value() -> None:
    new = patches.xml(SOCKET, PASSWORD, VALUES)
    assert """<param   name='password'   value="EslEslEslEslEsl1" />""" in new
    assert new.replace('"EslEslEslEslEsl1"', "'ClueCon'") == SOCKET
    assert patches.xml(new, PASSWORD, VALUES) == new


def test_an_element_is_found_by_a_pattern() -> None:
    patch = xml({"data": "local_ip_v4=.*"}, {"data": "local_ip_v4=203.0.113.5"}, "X-PRE-PROCESS")
    assert patches.xml(VARS, patch, {}) == VARS.replace("10.0.0.1", "203.0.113.5")


@pytest.mark.parametrize(
    "patch",
    [
        xml({"name": "no-such"}, {"value": "x"}),
        xml({"name": "pass.*"}, {"value": "x"}),
        xml({"name": "password"}, {"other": "x"}),
        xml({"name": "password"}, {"value": 'a"b'}),
        xml({"name": "password"}, {"value": "@ESL@"}, "par"),
    ],
)
def test_an_element_that_is_not_there_once_is_a_fault(patch: Xml) -> None:
    with pytest.raises(Failed, match="/f"):
        patches.xml(SOCKET, patch, VALUES)


def test_what_is_no_xml_afterwards_is_a_fault() -> None:
    with pytest.raises(Failed, match="no XML"):
        patches.xml(SOCKET.replace("</settings>", ""), PASSWORD, VALUES)


def test_a_line_is_changed_as_a_whole() -> None:
    patch = Line("/f", "C", r"\s*proxy_pass .*;", "  proxy_pass https://203.0.113.5:7443;")
    text = "a\n  proxy_pass https://10.0.0.1:7443;\nb"
    new = patches.line(text, patch, {})
    assert new == "a\n  proxy_pass https://203.0.113.5:7443;\nb"
    assert patches.line(new, patch, {}) == new


@pytest.mark.parametrize("text", ["nothing", "proxy_pass 1;\nproxy_pass 2;"])
def test_a_line_that_is_not_there_once_is_a_fault(text: str) -> None:
    with pytest.raises(Failed, match="matches"):
        patches.line(text, Line("/f", "C", r"\s*proxy_pass .*;", "proxy_pass 3;"), {})


def test_a_key_of_properties_gets_its_value() -> None:
    patch = Properties("/f", "C", "a.b", "@ESL@")
    text = "# a.b=1\na.b = 2\na.bc=3\n"
    assert patches.properties(text, patch, VALUES) == "# a.b=1\na.b = EslEslEslEslEsl1\na.bc=3\n"
    for wrong in ("a.bc=3\n", "a.b=1\na.b=2\n"):
        with pytest.raises(Failed, match="times"):
            patches.properties(wrong, patch, VALUES)


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        (["playback_host"], "new.example.org", "host: old.example.org", 'host: "new.example.org"'),
        (["nested", "playback_host"], "@ESL@", '"deep"', '"EslEslEslEslEsl1"'),
        (["nested", "empty"], True, "empty:\n", "empty: true\n"),
        (["nested", "playback_host"], 7, '"deep"', "7"),
    ],
)
def test_a_scalar_of_yaml_gets_its_value(
    key: list[str], value: Any, before: str, after: str
) -> None:
    patch = Yaml("/f", "C", tuple(key), value)
    new = patches.yaml(YAML, patch, VALUES)
    assert new == YAML.replace(before, after, 1)
    assert patches.yaml(new, patch, VALUES) == new


@pytest.mark.parametrize("key", [["other"], ["nested"], ["nested", "deeper"], ["notes"]])
def test_a_place_of_yaml_that_is_no_scalar_is_a_fault(key: list[str]) -> None:
    with pytest.raises(Failed, match="/f"):
        patches.yaml(YAML, Yaml("/f", "C", tuple(key), "x"), {})


def test_a_key_of_yaml_that_is_there_twice_is_a_fault() -> None:
    with pytest.raises(Failed, match="not one line but 2"):
        patches.yaml("a: 1\na: 2\n", Yaml("/f", "C", ("a",), "x"), {})


def test_a_file_is_off_and_on_again_also_after_a_package_has_put_it_back(node: Node) -> None:
    off, on = Off("/opt/v6.xml", "C", True), Off("/opt/v6.xml", "C", False)
    node.put("/opt/v6.xml", "first")
    assert patches.apply(node.root, off, {}) and not patches.apply(node.root, off, {})
    node.put("/opt/v6.xml", "of the package")
    assert patches.waits(node.root, off, {}) and patches.apply(node.root, off, {})
    assert [it.name for it in node.root.at("/opt").iterdir()] == ["v6.xml.off"]
    assert patches.apply(node.root, on, {}) and not patches.waits(node.root, on, {})
    assert node.text("/opt/v6.xml") == "of the package"


def test_a_file_that_is_neither_on_nor_off_is_a_fault(node: Node) -> None:
    with pytest.raises(Failed, match="neither"):
        patches.apply(node.root, Off("/opt/v6.xml", "C", False), {})


def test_a_patched_file_keeps_its_rights_and_is_left_alone_the_second_time(node: Node) -> None:
    file = node.put("/opt/socket.xml", SOCKET, 0o600)
    patch: Patch = Xml("/opt/socket.xml", "C", "param", {"name": "password"}, {"value": "@ESL@"})
    assert patches.waits(node.root, patch, VALUES) and patches.apply(node.root, patch, VALUES)
    assert file.stat().st_mode & 0o777 == 0o600
    inode = file.stat().st_ino
    assert not patches.waits(node.root, patch, VALUES)
    assert not patches.apply(node.root, patch, VALUES) and file.stat().st_ino == inode


def test_a_file_that_is_not_there_is_a_fault(node: Node) -> None:
    with pytest.raises(Failed, match="is not there"):
        patches.apply(node.root, Line(str(Path("/opt/none")), "C", "a", "a"), {})
