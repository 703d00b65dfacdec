"""A node through a connection: this machine's shell stands in for the host's."""

import json
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paramiko import SSHException
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.util import CommandOutput, OutputLine

from controller.roll import lease, node
from controller.roll.answers import Step, Window
from controller.roll.node import HostNode
from controller.roll.steps import Away, NodeError, Taken

ME, OTHER = "me/1", "other/2"
STAGED = {"wanted.json": "{}\n", "secret": "s" * 40}


class ThisHost:
    """A host whose commands run here. program: a shell script in the place of coop-bbb"""

    name = "bbb2"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.connected = True
        self.connector = SimpleNamespace(client=None)
        self.connections = 0
        self.breaks: list[Exception] = []
        self.refuses = False
        self.sent: list[str] = []

    def answers(self, script: str) -> None:
        file = self.directory / "coop-bbb"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def run_shell_command(
        self, command: Any, _sudo: bool, _timeout: int, _stdin: str = ""
    ) -> tuple[bool, CommandOutput]:
        assert _sudo and _timeout > 0
        if self.breaks:
            raise self.breaks.pop(0)
        raw = command.get_raw_value()
        self.sent.append(raw)
        for place, here in (
            (node.PROGRAM, self.directory / "coop-bbb"),
            (lease.PLACE, self.directory / "lease"),
            ("/var/lib/coop-infra/bbb", self.directory),
        ):
            raw = raw.replace(place, str(here))
        done = subprocess.run(
            ["sh", "-c", raw], input=_stdin, capture_output=True, text=True, check=False
        )
        lines = [OutputLine("stdout", it) for it in done.stdout.splitlines()]
        lines += [OutputLine("stderr", it) for it in done.stderr.splitlines()]
        return done.returncode == 0, CommandOutput(lines)

    def connect(self, show_errors: bool, raise_exceptions: bool) -> None:
        assert raise_exceptions and not show_errors
        self.connections += 1
        if self.refuses:
            raise ConnectError("refused")
        self.connected = True


@pytest.fixture
def host(tmp_path: Path) -> ThisHost:
    found = ThisHost(tmp_path)
    found.answers('echo \'{"answer": "known", "meetings": []}\'')
    return found


def at(host: ThisHost, holder: str = ME) -> HostNode:
    return HostNode(host, "127.0.0.1", "bbb2.example.org", holder, STAGED)


def test_the_node_s_own_program_is_asked(host: ThisHost) -> None:
    assert at(host).meetings().meetings == ()
    host.answers('[ "$1 $2 $3 $4" = "change --wait 40 --cut" ] && echo \'{"state": "running"}\'')
    assert at(host).change(cut=True).state == "running"
    with pytest.raises(NodeError):
        at(host).change(cut=False)


def test_ssh_that_a_change_has_opened_to_all_is_a_fault(host: ThisHost) -> None:
    host.answers("echo '{\"faults\": []}'")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        node = HostNode(host, "127.0.0.1", "bbb2.example.org", ME, STAGED, ssh=port)
        fault = f"SSH (tcp {port}) answers at 127.0.0.1, outside of the VPN"
        assert node.verify().faults == (fault,)
        assert at(host).verify().faults == ()
        was_open = HostNode(host, "127.0.0.1", "bbb2.example.org", ME, STAGED, ssh=port)
        was_open.take(print)
        assert was_open.verify().faults == ()
    assert node.verify().faults == ()


def test_a_window_goes_by_standard_input(host: ThisHost) -> None:
    host.answers(f'[ "$*" = "window write" ] && cat > {host.directory}/window && echo "{{}}"')
    window = Window(step=Step.GATE, since=5, reason=('it\'s "3.0.35"; $(reboot)',))
    at(host).write_window(window)
    assert json.loads((host.directory / "window").read_text())["reason"] == [*window.reason]


def test_a_problem_is_told_in_the_program_s_words(host: ThisHost) -> None:
    host.answers('echo \'{"problem": "nginx does not run: systemctl start nginx"}\'; exit 1')
    with pytest.raises(NodeError, match=r"^coop-bbb on bbb2: nginx does not run: systemctl start"):
        at(host).close_gate()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", "it failed, and did not say why"),
        ("echo 'Traceback'; echo 'E: \x1b[2J' >&2; exit 1", r"E: \\x1b\[2J"),
        ("echo '{\"problem\": 5}'; echo why >&2; exit 1", "why"),
    ],
)
def test_what_went_wrong_otherwise_is_its_last_line(host: ThisHost, script: str, said: str) -> None:
    host.answers(script)
    with pytest.raises(NodeError, match=said):
        at(host).look()


@pytest.mark.parametrize("script", ["true", "echo '{'", "echo '[]'", "yes | head -c 100000"])
def test_an_answer_of_another_form_is_no_answer(host: ThisHost, script: str) -> None:
    host.answers(script)
    with pytest.raises(NodeError, match="coop-bbb meetings on bbb2: the answer is not"):
        at(host).meetings()


@pytest.mark.parametrize(
    "error", [OSError("reset"), EOFError(), SSHException("lost"), ConnectError("no")]
)
def test_a_lost_connection_is_made_anew_once(
    host: ThisHost, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned: list[None] = []
    monkeypatch.setattr(node, "tune", lambda: tuned.append(None))
    host.breaks = [error]
    assert at(host).meetings().meetings == ()
    assert host.connections == len(tuned) == 1


def test_a_host_that_does_not_come_back_is_away(host: ThisHost) -> None:
    host.breaks, host.refuses = [OSError("reset")], True
    with pytest.raises(Away, match="connection to bbb2 is lost"):
        at(host).meetings()
    with pytest.raises(Away):
        at(host).meetings()
    host.refuses = False
    assert at(host).meetings().meetings == ()


def test_a_host_that_takes_too_long_is_away_and_asked_once(host: ThisHost) -> None:
    host.breaks = [TimeoutError()]
    with pytest.raises(Away, match="has not answered within 60 s"):
        at(host).meetings()
    assert host.connections == 0


def test_another_roll_is_told_by_its_name(host: ThisHost) -> None:
    at(host, OTHER).meetings()
    with pytest.raises(Taken, match=r"the roll of other/2 is at work on bbb2: \d s ago"):
        at(host).meetings()


def test_a_roll_waits_for_the_end_of_a_lease_and_no_longer(host: ThisHost) -> None:
    at(host, OTHER).meetings()
    said: list[str] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            at(host, OTHER).let_go()

    at(host).take(said.append, sleep)
    assert len(slept) == 3 and len(said) == 1
    at(host).let_go()
    at(host, OTHER).meetings()
    slept.clear()
    with pytest.raises(Taken):
        at(host).take(said.append, slept.append)
    assert sum(slept) > lease.SECONDS


def test_a_look_without_a_lease_takes_none(host: ThisHost) -> None:
    at(host, "").meetings()
    assert not (host.directory / "lease").exists()
    assert host.sent == [f"{node.PROGRAM} meetings"]


def test_staged_files_are_compared_by_salted_digests_alone(host: ThisHost) -> None:
    assert at(host).old_files() == "wanted.json and secret"
    (host.directory / "wanted.json").write_text("{}")
    assert at(host).old_files() == "secret"
    (host.directory / "secret").write_text("s" * 40 + "\n")
    assert at(host).old_files() == ""
    (host.directory / "secret").write_text("t" * 40)
    assert at(host).old_files() == "secret"
    assert not any("s" * 40 in it for it in host.sent)
