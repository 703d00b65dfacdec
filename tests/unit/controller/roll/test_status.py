"""A look at nodes, also at those that this project has never touched."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.context import ctx_host, ctx_state

from controller.command_line import Ended
from controller.roll import sent, status, wishes
from controller.roll.answers import Look, Meetings, Unit, Waiting, read
from controller.roll.steps import NodeError
from fleet import ROOT
from fleet.model import Fleet
from tests.unit.controller.roll.fakes import FakeBalancer, World, serving
from tests.unit.controller.roll.samples import nodes, secrets

NO_MEETINGS = Meetings(answer="known", meetings=())
LOOK = Look(release="3.0.35", wanted="3.0.35", meetings=NO_MEETINGS, gate="open")


def sent_look(program: str, version: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the program as on a node, by its standard input alone, in an empty directory."""
    text = program.replace("sys.version_info", version) if version else program
    _, *options = sent.COMMAND
    return subprocess.run(
        [sys.executable, *options], input=text, capture_output=True, text=True, check=False, cwd="/"
    )


def test_the_program_that_is_sent_looks_by_itself(tmp_path: Path) -> None:
    # This machine is no node: so the program has to come as far as saying that.
    text = sent.program()
    assert str(ROOT) not in text
    done = sent_look(text)
    told = json.loads(done.stdout)
    if done.returncode:
        assert "dpkg" in told["problem"]
    else:
        look = read(Look, done.stdout)
        assert look.wanted is None and look.meetings.answer == "unreachable"


def test_it_has_every_part_of_the_program_but_what_a_host_starts() -> None:
    text = sent.program()
    for file in (ROOT / "programs/bbb").glob("*.py"):
        name = f"programs.bbb.{file.stem}".removesuffix(".__init__")
        assert (f'"{name}"' in text) == (file.stem != "__main__"), name


def test_a_python_that_is_too_old_says_so_and_nothing_else() -> None:
    done = sent_look(sent.program(), version="(3, 8, 10)")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == {"problem": "the Python of this node is older than 3.10"}


def test_the_first_lines_are_python_for_old_ones_too() -> None:
    before, _, _ = sent.program().partition("import json")
    compile(before, "sent", "exec")
    assert "match" not in before and ":=" not in before and 'f"' not in before


def test_it_is_asked_to_look_and_for_nothing_else() -> None:
    assert sent.COMMAND[-1] == "look"


def told(fleet: Fleet, found: Look | str, servers: Any) -> list[str]:
    bbb = fleet.host("bbb2").bbb
    assert bbb
    return list(status.lines("bbb2", bbb, found, servers))


def test_a_node_that_is_as_it_should_be_takes_three_lines(tmp_path: Path) -> None:
    servers = {"bbb2.example.org": serving("bbb2.example.org", tag="large")}
    assert told(nodes(tmp_path), LOOK, servers) == [
        "bbb2: nothing waits; no meetings",
        "  is 3.0.35, wanted 3.0.35 serving; gate open",
        "  meet: serving, online, weight 1, tag large",
    ]


def test_all_that_is_otherwise_is_said(tmp_path: Path) -> None:
    waiting = [{"what": "3.0.34 -> 3.0.35", "class": "C"}, {"what": "secret", "class": "C"}]
    look = LOOK.model_copy(
        update={
            "release": "3.0.34", "gate": "closed", "dpkg": ("bbb-config",),
            "waiting": tuple(map(Waiting.model_validate, waiting)), "drift": ("a second cluster",),
            "units": {"bbb-web.service": Unit(active="failed", restarts=4)},
            "places": {"/tmp/bigbluebutton.properties": "other", "/etc/a": "wanted"},
        }
    )  # fmt: skip
    assert told(nodes(tmp_path), look, "meet does not answer; look at it") == [
        "bbb2: 3.0.34 -> 3.0.35, secret; no meetings",
        "  is 3.0.34, wanted 3.0.35 serving; gate closed",
        "  meet: meet does not answer; look at it",
        "  packages that are not whole: bbb-config",
        "  bbb-web.service is failed",
        "  another API secret: /tmp/bigbluebutton.properties",
        "  drift: a second cluster",
    ]


def test_a_node_without_anything_of_this_project_is_no_node_without_differences(
    tmp_path: Path,
) -> None:
    look = LOOK.model_copy(update={"release": "3.0.31", "wanted": None})
    assert told(nodes(tmp_path), look, {})[:3] == [
        "bbb2: nothing is staged here yet; no meetings",
        "  is 3.0.31, wanted 3.0.35 serving; gate open",
        "  meet: does not know the node",
    ]


class Status:
    """Runs bbb_status.py. looks: by node, what it tells, or why it tells nothing"""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fleet = nodes(directory)
        self.looks: dict[str, Look | str] = {"bbb1": LOOK, "bbb2": LOOK}
        self.balancer = FakeBalancer(World())
        self.writes: list[str] = []
        monkeypatch.setattr(status, "_found", {})
        monkeypatch.setattr(status, "this_fleet", lambda: self.fleet)
        monkeypatch.setattr(status, "secrets", lambda: secrets(directory))
        monkeypatch.setattr(status, "hosts_of_run", lambda: ["prod1", "bbb1", "bbb2"])
        monkeypatch.setattr(status, "HostNode", self._node)
        monkeypatch.setattr(wishes, "balancers_of", lambda *_: {"meet": self.balancer})

    def _node(self, host: Any, address: str, hostname: str, holder: str, staged: Any) -> Any:
        # Without the name of a roll a look takes no lease, which would be a file.
        assert (holder, staged) == ("", {})

        def look(program: str) -> Look:
            found = self.looks[host.name]
            if isinstance(found, str):
                raise NodeError(found)
            return found

        return SimpleNamespace(look_from_afar=look)

    def run(self, *reached: str) -> int:
        hosts = [SimpleNamespace(name=name) for name in reached]
        with ctx_state.use(SimpleNamespace(activated_hosts=hosts)):
            for each in hosts[:-1]:
                with ctx_host.use(each):
                    status.report()
            with ctx_host.use(hosts[-1]), pytest.raises(Ended) as ended:
                status.report()
        return ended.value.exit_code


@pytest.fixture
def nodes_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Status:
    return Status(tmp_path, monkeypatch)


def test_all_nodes_are_told_once_the_last_host_was_asked(
    nodes_status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nodes_status.run("prod1", "bbb1", "bbb2") == 0
    said = capsys.readouterr().out
    assert [it for it in said.splitlines() if not it.startswith(" ")] == [
        "bbb2: nothing waits; no meetings",
        "bbb1: nothing waits; no meetings",
    ]
    assert nodes_status.balancer.world.calls == ["balancer list"]


def test_a_node_that_cannot_be_read_is_exit_status_1(
    nodes_status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes_status.looks["bbb1"] = "it has no Python\x1b[2J"
    assert nodes_status.run("bbb1", "bbb2") == 1
    assert "bbb1: it has no Python\\x1b[2J\n" in capsys.readouterr().out


def test_a_node_that_is_away_is_told_with_its_page(
    nodes_status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nodes_status.run("bbb1") == 1
    assert "bbb2: cannot be reached (docs/bbb-node-down.md)\n" in capsys.readouterr().out


def test_a_balancer_that_does_not_answer_hides_no_node(
    nodes_status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes_status.balancer.is_down = True
    assert nodes_status.run("bbb1", "bbb2") == 0
    assert capsys.readouterr().out.count("  meet: meet does not answer; look at it\n") == 2
