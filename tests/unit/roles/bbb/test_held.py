"""No upgrade takes BigBlueButton's packages by chance, and no key comes from a stranger."""

import re
from pathlib import Path

import pytest

from fleet.derived.bbb import AptSource, packages_of_node, sources_of
from operations.files import Absent, File
from roles.bbb import held
from tests.unit.roles.bbb.nodes import fleet_with

OWN = AptSource(
    "bigbluebutton",
    "https://ubuntu.bigbluebutton.org/jammy-300-3.0.35",
    "bigbluebutton-jammy",
    ("main",),
    "https://ubuntu.bigbluebutton.org/repo/bigbluebutton.asc",
    "770C4267C5E63474D171B60937B5DD5EFAB46452",
)


def texts(*sources: AptSource) -> dict[str, str]:
    """By path, what the files say."""
    entries = held.entries(sources, {it.name: f"key of {it.name}" for it in sources})
    return {it.path: it.content for it in entries if isinstance(it, File)}


def test_a_source_is_believed_by_its_own_key_alone() -> None:
    found = texts(OWN)
    (line,) = [
        it
        for it in found["/etc/apt/sources.list.d/bigbluebutton.list"].splitlines()
        if not it.startswith("#")
    ]
    assert line == (
        "deb [signed-by=/etc/apt/keyrings/bigbluebutton.asc] "
        "https://ubuntu.bigbluebutton.org/jammy-300-3.0.35 bigbluebutton-jammy main"
    )
    assert found["/etc/apt/keyrings/bigbluebutton.asc"] == "key of bigbluebutton"


def test_each_source_of_a_node_is_held(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path)
    sources = sources_of(fleet, fleet.host("bbb1"))
    pins = texts(*sources)[held.PIN]
    # Each is a paragraph of its own: apt_preferences(5).
    paragraphs = [it.splitlines() for it in pins.strip().split("\n\n")]
    found = [[it for it in lines if not it.startswith("Explanation:")] for lines in paragraphs]
    hosts = {
        "deb.nodesource.com",
        "download.docker.com",
        "ppa.launchpadcontent.net",
        "ubuntu.bigbluebutton.org",
    }
    assert found == [
        ["Package: *", f'Pin: origin "{host}"', "Pin-Priority: 1"] for host in sorted(hosts)
    ]


def test_a_mirror_is_known_by_its_host_without_the_port() -> None:
    mirrored = AptSource("own", "http://10.78.0.1:8060/x", "suite", ("main",), "", None)
    assert held.origins([mirrored, OWN]) == ["10.78.0.1", "ubuntu.bigbluebutton.org"]


def test_a_source_that_the_installer_has_named_otherwise_is_there_once(tmp_path: Path) -> None:
    """apt reads no source at all if one is there twice with two keys."""
    fleet = fleet_with(tmp_path)
    sources = sources_of(fleet, fleet.host("bbb1"))
    entries = held.entries(sources, {it.name: "" for it in sources})
    gone = {it.path.rpartition("/")[2] for it in entries if isinstance(it, Absent)}
    assert gone == {
        "bigbluebutton-ubuntu-support-jammy.list",
        "martin-uni-mainz-ubuntu-coturn-jammy.list",
        "rmescandon-ubuntu-yq-jammy.list",
        "nodesource.sources",
    }
    assert all(it.path.startswith(f"{held.LISTS}/") for it in entries if isinstance(it, Absent))


def night(text: str) -> list[str]:
    """What unattended-upgrades leaves, as it reads the file: names begin so."""
    listed = re.search(r"Package-Blacklist \{(.*?)\};", text, re.DOTALL)
    assert listed
    return re.findall(r'"([^"]+)";', listed[1])


@pytest.mark.parametrize("name", ["bbb-web", "redis-server", "postgresql-16", "nginx", "docker-ce"])
def test_the_night_leaves_what_carries_meetings(name: str) -> None:
    assert any(re.match(it, name) for it in night(texts(OWN)[held.NIGHT]))


def test_the_night_leaves_each_package_that_a_node_gets_by_name(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path)
    left = night(texts(OWN)[held.NIGHT])
    for name in packages_of_node(fleet, fleet.host("bbb1")):
        assert any(re.match(it, name) for it in left), name


@pytest.mark.parametrize("name", ["libssl3", "openssh-server", "linux-image-generic", "sudo"])
def test_the_night_takes_the_rest(name: str) -> None:
    assert not any(re.match(it, name) for it in night(texts(OWN)[held.NIGHT]))


def test_nothing_restarts_or_reboots_by_itself() -> None:
    found = texts(OWN)
    assert '\nUnattended-Upgrade::Automatic-Reboot "false";\n' in found[held.NIGHT]
    assert "\n$nrconf{restart} = 'l';\n" in found[held.RESTARTS]
