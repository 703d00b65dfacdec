"""What a node of BigBlueButton tells."""

from pathlib import Path

import pytest

from facts import bbb
from facts.bbb import Bbb, BbbState
from tests.unit.host_here import ask
from tests.unit.operation_harness import Shell

LOOK = """{"release": "3.0.34", "waiting": []}"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A host without anything of BigBlueButton."""
    monkeypatch.setattr(bbb, "RELEASE", str(tmp_path / "release"))
    monkeypatch.setattr(bbb, "WEB", str(tmp_path / "web"))
    shell = Shell(tmp_path)
    shell.stand_in("dpkg-query", "exit 1")
    shell.stand_in("systemctl", "exit 1")
    return shell


def node(shell: Shell, directory: Path) -> BbbState:
    return BbbState(**vars(ask(Bbb, "coop-bbb", str(directory / "first"), shell=shell)))


def test_a_host_with_nothing_of_it_is_bare(shell: Shell, tmp_path: Path) -> None:
    now = node(shell, tmp_path)
    assert now == BbbState() and now.is_bare


def test_a_node_without_the_program_is_not_bare(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "release").write_text("BIGBLUEBUTTON_RELEASE=3.0.34\n")
    now = node(shell, tmp_path)
    assert (now.release, now.look, now.is_bare) == ("3.0.34", None, False)


def test_packages_that_are_half_there_are_there(shell: Shell, tmp_path: Path) -> None:
    """A first install that was cut off has no release file yet."""
    known = ["un |bigbluebutton", "rc |bbb-pads", "iF |bbb-web", "ii |bbb-config"]
    shell.stand_in("dpkg-query", "printf '%s\\n' " + " ".join(f"'{it}'" for it in known))
    now = node(shell, tmp_path)
    assert now.packages == ("bbb-web", "bbb-config") and not now.is_bare


def test_what_the_program_tells(shell: Shell, tmp_path: Path) -> None:
    shell.stand_in("coop-bbb", f"echo '{LOOK}'")
    now = node(shell, tmp_path)
    assert now.look == {"release": "3.0.34", "waiting": []}
    assert shell.calls[0] == "coop-bbb look"


def test_a_problem_is_no_look(shell: Shell, tmp_path: Path) -> None:
    shell.stand_in("coop-bbb", """echo '{"problem": "wanted.json is no JSON"}'; exit 1""")
    now = node(shell, tmp_path)
    assert (now.look, now.why) == (None, "wanted.json is no JSON")


def test_a_first_install_that_has_begun_is_known(shell: Shell, tmp_path: Path) -> None:
    assert not node(shell, tmp_path).begun
    (tmp_path / "first").touch()
    assert node(shell, tmp_path).begun


def test_the_name_by_which_people_reach_it(shell: Shell, tmp_path: Path) -> None:
    """Of two lines BigBlueButton takes the last; a comment is none."""
    lines = ("#bigbluebutton.web.serverURL=http://a", "bigbluebutton.web.serverURL=https://b",
             "bigbluebutton.web.serverURL=https://bbb1.example.org", "securitySalt=no")  # fmt: skip
    (tmp_path / "web").write_text("".join(f"{it}\n" for it in lines))
    assert node(shell, tmp_path).url == "https://bbb1.example.org"


@pytest.mark.parametrize(("said", "has"), [("enabled", True), ("disabled", False), ("", False)])
def test_whether_haproxy_takes_the_port_at_a_boot(
    shell: Shell, tmp_path: Path, said: str, has: bool
) -> None:
    shell.stand_in("systemctl", f"echo {said}; [ '{said}' = enabled ]")
    assert node(shell, tmp_path).has_haproxy == has
