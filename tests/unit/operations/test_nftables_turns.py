"""The table on many hosts, in one run of the real pyinfra over pretended connections."""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gevent
import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra.context import ctx_host, ctx_state

from engine import questions, undo
from engine.several import Several
from engine.turns import Turns
from facts.files import PathState
from facts.nftables import TableState
from operations import nftables

FILE = "/etc/coop-infra/firewall.nft"
STEPS = {f"nft -f {FILE}": "apply", "before it was confirmed": "confirm", "OnActiveSec": "arm"}


@pytest.fixture(autouse=True)
def _a_run_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "ATTEMPTS_SECONDS", 0)
    monkeypatch.setattr(nftables, "_turns", Turns())
    monkeypatch.setattr(questions, "_asked", defaultdict(questions._Asked))
    monkeypatch.setattr(questions, "_changed", set())


@dataclass
class Ran:
    """done: the steps on each host; failed: why, by host; most: how many hosts changed at once."""

    done: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    most: int = 0
    _at_work: set[str] = field(default_factory=set)

    def note(self, host: str, step: str) -> None:
        self.done[host].append(step)
        {"arm": self._at_work.add, "confirm": self._at_work.discard}.get(step, len)(host)
        self.most = max(self.most, len(self._at_work))
        gevent.sleep(0.002)


class Pretended:
    """Stands in for pyinfra's host and for its connection."""

    def __init__(self, host: Any, ran: Ran, text: str, there: str, fails: str) -> None:
        self.name, self.ran, self.text, self.fails = host.name, ran, text, fails
        self.now = text if text == there else ""
        ran.done[host.name] = []

    def get_fact(self, kind: type, **arguments: Any) -> Any:
        self.ran.note(self.name, "ask")
        file = PathState("file", 0o644, "root", "root", content=self.now.encode())
        found = TableState(True, self.now, (self.text,), {FILE: file} if self.now else {})
        return [found] if kind is Several else found

    def run_shell_command(self, command: Any, **options: Any) -> tuple[bool, CommandOutput]:
        text = options.get("_stdin") or command.get_raw_value()
        step = next((name for words, name in STEPS.items() if words in text), "write")
        if text.startswith("printf "):
            self.ran.failed[self.name] = text
            return False, CommandOutput([OutputLine("stderr", "failed")])
        self.ran.note(self.name, step)
        return step != self.fails, CommandOutput([])

    def prove(self, names: object, now: object) -> None:
        if self.fails == "proof":
            raise ConnectionError("refused")


def converge(texts: dict[str, str], pool: int = 3, fails: str = "", there: str = "") -> Ran:
    """texts: of the table, by host; fails: the step that fails; there: the text in force before."""
    ran = Ran()
    state = State(Inventory((list(texts), {})), Config(PARALLEL=pool))
    state.check_for_changes = False
    state.active_hosts, state.activated_hosts = set(state.inventory), set(state.inventory)
    state.set_stage(StateStage.Prepare)
    with ctx_state.use(state), gevent.Timeout(20):
        for host in state.inventory:
            it = Pretended(host, ran, texts[host.name], there, fails)
            host.connector, host.get_fact = it, it.get_fact
            with ctx_host.use(host):
                nftables.table(
                    name="Firewall",
                    table="fw",
                    file=FILE,
                    text=partial(_same, it.text),
                    prove=it.prove,
                )
        state.set_stage(StateStage.Execute)
        run_ops(state)
    for host in state.failed_hosts:
        ran.failed.setdefault(host.name, "")
    return ran


def _same(text: str, names: object) -> str:
    return text


def changed(ran: Ran) -> set[str]:
    return {name for name, steps in ran.done.items() if "apply" in steps}


def many(number: int, text: str = "text") -> dict[str, str]:
    return {f"vm{index}": text for index in range(number)}


def test_all_hosts_are_changed_and_some_at_once() -> None:
    ran = converge({**many(9), "storage1": "another", "vpn1": "a hub's"})
    assert ran.failed == {}
    assert len(changed(ran)) == 11
    assert 1 < ran.most <= 3


def test_hosts_that_have_the_table_do_not_wait_for_each_other() -> None:
    ran = converge(many(6), pool=6, there="text")
    assert ran.failed == {} and changed(ran) == set()


@pytest.mark.parametrize("step", ["arm", "write", "apply", "proof", "confirm"])
def test_once_a_step_fails_on_a_host_all_others_are_left(step: str) -> None:
    """pyinfra itself knows which hosts have failed only when the operation is over."""
    ran = converge({**many(6), "storage1": "another"}, fails=step, there="another")
    begun = {name for name, steps in ran.done.items() if "arm" in steps}
    assert len(begun) == 1 and len(ran.failed) == 6
    left = [reason for name, reason in ran.failed.items() if name not in begun]
    assert all(f"left as it was, as {begun.copy().pop()} failed" in reason for reason in left)


def test_of_two_that_get_different_tables_one_is_changed_at_a_time() -> None:
    assert converge({f"vpn{number}": f"hub {number}" for number in range(4)}, pool=4).most == 1
