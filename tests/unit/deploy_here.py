"""A run of deploy.py that has not begun, for all hosts of an inventory; none is ever connected."""

import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_config, ctx_host, ctx_state

from controller import apt_keys, this_run
from controller.inventory import groups
from engine import questions
from fleet import ROOT
from fleet.load import load
from fleet.secret_kinds.bbb import BALANCER, BBB
from fleet.secret_kinds.calls import MAIL, MAIL_PASSWORD, MATRIX_TOKEN, WATCHER_MAIL_PASSWORD
from fleet.secret_kinds.volumes import ESCROW, PASSWORD
from roles import access, pool


@contextmanager
def run_of(file: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """The run. file: the inventory's; directory: for the operator's escrow"""
    escrow = directory / "escrow"
    escrow.mkdir(mode=0o700)
    monkeypatch.setenv(ESCROW.variable, str(escrow))
    for it in load(Path(file)).hosts_with_volume():
        monkeypatch.setenv(PASSWORD.of(it.name), "not-the-shortest-one-of-all")
    for it in load(Path(file)).hosts.values():
        if it.bbb:
            monkeypatch.setenv(BBB.of(it.name), "0123456789abcdef" * 4)
            monkeypatch.setenv(BALANCER.of(it.bbb.balancer or ""), "0123456789abcdef" * 4)
    oncall = load(Path(file)).oncall
    for name in oncall.everybody if oncall else ():
        monkeypatch.setenv(MAIL.of(name), "somebody@example.org")
    for kind in (MAIL_PASSWORD, WATCHER_MAIL_PASSWORD, MATRIX_TOKEN):
        monkeypatch.setenv(kind.variable, "a-password")
    this_run._secrets.cache_clear()
    found = groups(file, {"prod", "staging", "shared"})
    hosts = dict(host for members in found.values() for host in members)
    members: dict[str, Any] = {name: ([name for name, _ in its], {}) for name, its in found.items()}
    state = State(
        Inventory((list(hosts.items()), {}), **members), Config(), check_for_changes=False
    )
    for stage in (StateStage.Connect, StateStage.Prepare):
        state.set_stage(stage)
    # The preflights ask by themselves, before the run.
    monkeypatch.setattr(access, "preflight", lambda: None)
    monkeypatch.setattr(pool, "preflight", lambda: None)
    # The keys of apt's sources come from git, or once from the network.
    monkeypatch.setattr(apt_keys, "key_of", lambda *_, **__: "a key")
    questions._asked.clear()
    with ctx_state.use(state), ctx_config.use(state.config):
        yield state
    questions._asked.clear()
    this_run._secrets.cache_clear()


def deploy(state: State, name: str) -> None:
    """Lets pyinfra read deploy.py for this host."""
    with ctx_host.use(state.inventory.get_host(name)):
        runpy.run_path(str(ROOT / "deploy.py"))
