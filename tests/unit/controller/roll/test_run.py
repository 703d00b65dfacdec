"""A roll as a run: what it refuses, what it asks, and its exit status."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from pyinfra.context import ctx_host, ctx_state

from controller.command_line import Ended
from controller.roll import run, wishes
from controller.roll.answers import Step, Window
from controller.roll.steps import NodeError, Taken
from controller.roll.wishes import Unfit
from tests.unit.controller.roll.fakes import (
    SECRET,
    FakeBalancer,
    FakeMeeting,
    FakeNode,
    World,
    serving,
)
from tests.unit.controller.roll.samples import SECRETS, nodes, secrets

STAGED = '{"release": "3.0.35"}\n'


class PretendedNode(FakeNode):
    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.holder = ""
        self.let_go_of = 0
        self.taken_by = ""

    def take(self, say: Callable[[str], None]) -> None:
        assert self.holder
        if self.taken_by:
            raise Taken(f"the roll of {self.taken_by} is at work on {self.name}")

    def let_go(self) -> None:
        self.let_go_of += 1


class Operator:
    """Runs bbb_roll.py on two nodes. away: hosts that do not answer; answer: what a person types"""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = World()
        self.fleet = nodes(directory)
        self.nodes = {name: PretendedNode(self.world, name) for name in ("bbb2", "bbb1")}
        hosts = [f"{it}.example.org" for it in self.nodes]
        self.balancer = FakeBalancer(
            self.world,
            servers={it: serving(it) for it in hosts},
            secrets=dict.fromkeys(hosts, "old"),
        )
        self.away: tuple[str, ...] = ()
        self.data: dict[str, Any] = {}
        self.answer: str | None = ""
        self.says_yes = False
        self.is_dry = False
        self.said: list[str] = []
        monkeypatch.setattr(run, "_arrived", set())
        monkeypatch.setattr(run, "this_fleet", lambda: self.fleet)
        monkeypatch.setattr(run, "secrets", lambda: secrets(directory))
        monkeypatch.setattr(run, "hosts_of_run", lambda: ["prod1", "bbb1", "bbb2"])
        monkeypatch.setattr(run, "only_reads", lambda: self.is_dry)
        monkeypatch.setattr(run, "HostNode", self._node)
        monkeypatch.setattr(run, "RealClock", lambda: self.world)
        monkeypatch.setattr(wishes, "balancers_of", lambda *_: {"meet": self.balancer})
        monkeypatch.setattr(click, "prompt", self._prompt)
        log = SimpleNamespace(
            info=self.said.append, warning=self.said.append, error=self.said.append
        )
        monkeypatch.setattr(run, "logger", log)

    def _node(
        self, host: Any, address: str, hostname: str, holder: str, staged: dict[str, str],
        *, ssh: int = 0,
    ) -> PretendedNode:  # fmt: skip
        node = self.nodes[host.name]
        wanted = {"wanted.json": STAGED, "secret": SECRETS[f"BBB_SECRET_{host.name.upper()}"]}
        assert staged == (wanted if holder else {})
        assert address.startswith("192.0.2.4") and hostname == f"{host.name}.example.org"
        node.holder = holder
        return node

    def _prompt(self, text: str, **_: Any) -> str:
        self.said.append(text)
        if self.answer is None:
            raise click.Abort
        return self.answer

    def roll(self) -> int:
        hosts = [
            SimpleNamespace(name=name, data=self.data, log=self.said.append)
            for name in ("prod1", "bbb1", "bbb2")
            if name not in self.away
        ]
        run._arrived.clear()
        with ctx_state.use(
            SimpleNamespace(activated_hosts=hosts, check_for_changes=not self.says_yes)
        ):
            for each in hosts[:-1]:
                with ctx_host.use(each):
                    run.roll(lambda *_: STAGED)
            with ctx_host.use(hosts[-1]), pytest.raises(Ended) as ended:
                run.roll(lambda *_: STAGED)
        return ended.value.exit_code

    @property
    def touched(self) -> list[str]:
        reads = {"old_files", "look", "balancer list", "balancer knows"}
        return [it for it in self.world.calls if it not in reads]


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path, monkeypatch)


def test_all_nodes_are_rolled_in_the_order_of_the_data(operator: Operator) -> None:
    assert operator.roll() == 0
    assert [node.release for node in operator.nodes.values()] == ["3.0.35", "3.0.35"]
    assert operator.said[-3:] == [
        "bbb2: done: 3.0.34 -> 3.0.35, secret",
        "bbb1: done: 3.0.34 -> 3.0.35, secret",
        "--> Exit status 0",
    ]
    assert all(node.let_go_of == 1 for node in operator.nodes.values())


def test_what_waits_is_shown_before_the_question(operator: Operator) -> None:
    operator.nodes["bbb1"].live["a"] = FakeMeeting(41)
    operator.answer = "no"
    assert operator.roll() == 1
    assert operator.said == [
        "bbb2: 3.0.34 -> 3.0.35, secret; no meetings",
        "bbb1: 3.0.34 -> 3.0.35, secret; 1 meeting, 41 people",
        "Press enter to open the windows",
        "--> Nothing was touched",
    ]
    assert operator.touched == []


def test_an_open_window_is_shown_with_its_step(operator: Operator) -> None:
    node = operator.nodes["bbb2"]
    node.gate, node.window = "closed", Window(step=Step.VERIFY, since=1, reason=("secret",))
    node.release, node.secret, operator.answer = "3.0.35", SECRET, "no"
    assert operator.roll() == 1
    assert operator.said[0] == (
        "bbb2: nothing waits; no meetings; a window is open, at the step verify"
    )


def test_nobody_at_the_terminal_is_no_yes(operator: Operator) -> None:
    operator.answer = None
    assert operator.roll() == 1
    assert operator.touched == []


def test_y_asks_nothing(operator: Operator) -> None:
    operator.says_yes, operator.answer = True, None
    assert operator.roll() == 0


def test_a_dry_run_shows_what_waits_and_touches_nothing(operator: Operator) -> None:
    operator.is_dry = True
    assert operator.roll() == 0
    assert operator.said[0] == "bbb2: 3.0.34 -> 3.0.35, secret; no meetings"
    assert operator.touched == []


def test_a_run_with_nothing_to_do_asks_nothing(operator: Operator) -> None:
    operator.roll()
    operator.answer = None
    assert operator.roll() == 0
    assert operator.said[-2] == "bbb1: nothing to do: nothing waits"


def test_a_busy_node_is_exit_status_2(operator: Operator) -> None:
    operator.nodes["bbb2"].live["a"] = FakeMeeting(41)
    operator.data = {"patience": "1m"}
    assert operator.roll() == 2
    assert operator.nodes["bbb1"].release == "3.0.35"
    assert operator.nodes["bbb2"].live


def test_a_failure_is_exit_status_1_and_leaves_the_others_alone(operator: Operator) -> None:
    operator.nodes["bbb2"].change_fails = "chown: Operation not permitted"
    assert operator.roll() == 1
    assert operator.nodes["bbb1"].steps_seen == []
    assert "bbb1: not begun, because the roll stopped before" in operator.said


def test_a_node_with_old_files_fails_at_its_turn(operator: Operator) -> None:
    operator.nodes["bbb2"].old = "secret"
    assert operator.roll() == 1
    assert operator.touched == []
    assert any("run deploy.py for it first; nothing was touched" in it for it in operator.said)


def test_another_operator_s_roll_is_left_alone(operator: Operator) -> None:
    operator.nodes["bbb2"].taken_by = "ops-meet-1_desk/1"
    assert operator.roll() == 1
    assert operator.touched == []
    assert any("the roll of ops-meet-1_desk/1 is at work on bbb2" in it for it in operator.said)


def test_a_node_that_is_away_fails_at_its_turn(operator: Operator) -> None:
    operator.away = ("bbb2",)
    assert operator.roll() == 1
    assert operator.touched == []
    assert any("docs/bbb-node-down.md" in it for it in operator.said)


def test_a_node_that_is_away_and_drained_stops_nobody(operator: Operator, tmp_path: Path) -> None:
    operator.fleet = nodes(tmp_path, wanted="drained")
    operator.away = ("bbb2",)
    assert operator.roll() == 0
    assert operator.nodes["bbb1"].release == "3.0.35"


@pytest.mark.parametrize("data", [{"patience": "4"}, {"bbb_force": "bbb*"}, {"bbb_force": "prod1"}])
def test_what_nobody_can_mean_is_refused(operator: Operator, data: dict[str, Any]) -> None:
    operator.data = data
    assert operator.roll() == 1
    assert operator.world.calls == []
    assert operator.said[0].startswith("--> Refused, and nothing was touched: ")


def test_force_names_who_would_be_cut_before_the_question(operator: Operator) -> None:
    operator.nodes["bbb2"].live["a"] = FakeMeeting(41)
    operator.data, operator.answer = {"bbb_force": "bbb2"}, "no"
    assert operator.roll() == 1
    assert operator.said.index("bbb2: would be cut: Meeting a (41)") < operator.said.index(
        "Press enter to open the windows"
    )
    assert operator.nodes["bbb2"].live


def test_a_run_without_nodes_is_refused(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "hosts_of_run", lambda: ["prod1"])
    assert operator.roll() == 1
    assert "no host of this run is a node" in operator.said[0]


def test_a_node_that_cannot_be_planned_is_told_and_fails_at_its_turn(operator: Operator) -> None:
    operator.balancer.is_down = True
    assert operator.roll() == 1
    assert operator.said[0] == "bbb2: meet does not answer; look at it"
    assert any(f"bbb2: failed at the step {Step.PLAN}" in it for it in operator.said)


def test_errors_of_a_node_are_no_errors_of_the_run(operator: Operator) -> None:
    def take(say: Callable[[str], None]) -> None:
        raise NodeError("bbb2 is odd")

    operator.nodes["bbb2"].take = take  # type: ignore[method-assign]
    assert operator.roll() == 1
    assert "bbb2: failed: bbb2 is odd" in operator.said


def test_an_unfit_balancer_is_refused(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def unfit(*_: Any) -> None:
        raise Unfit("group_data/bbb.py: balancers: meet: the url")

    monkeypatch.setattr(wishes, "balancers_of", unfit)
    assert operator.roll() == 1
    assert operator.world.calls == []
