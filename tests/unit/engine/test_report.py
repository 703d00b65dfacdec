import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyinfra.api import Config, Inventory, State, StringCommand
from pyinfra.context import ctx_host, ctx_state

from engine import report
from tests.unit.host_here import sh
from tests.unit.operation_harness import PretendedHost, Run


def said(
    text: str = "tank: quota 1G -> 2G", executing: bool = False, diff: bool = False, times: int = 1
) -> Run:
    host = PretendedHost({})
    config = SimpleNamespace(DIFF=diff)
    state = SimpleNamespace(is_executing=executing, config=config, failed_hosts=[])
    with ctx_host.use(host), ctx_state.use(state):
        for _ in range(times):
            report.tell(text)
            report.warn(text)
    return host.run


@pytest.mark.parametrize(
    ("executing", "diff", "shown"),
    [(False, False, False), (False, True, True), (True, False, True)],
)
def test_differences_are_told_when_executing_or_asked_for(
    executing: bool, diff: bool, shown: bool
) -> None:
    assert bool(said(executing=executing, diff=diff).said) is shown


def test_a_warning_is_shown_once_a_run() -> None:
    assert said("look at me", times=2).warned == ["look at me"]
    assert said("look at me", executing=True).warned == []


EVIL = "\x1b]52;c;cm0gLXJmIH4K\x07\u202e"
SHOWN = r"\x1b]52;c;cm0gLXJmIH4K\x07\u202e"


def test_what_stands_on_a_host_commands_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "warnings", [])
    monkeypatch.setattr(report, "reasons", {})
    done = said(f"{EVIL}\nforged", executing=True)
    assert done.said == [rf"{SHOWN}\nforged"]
    assert done.warned == [f"{SHOWN}\nforged"] == [report.warnings[0][1]]
    with ctx_host.use(PretendedHost({})), ctx_state.use(SimpleNamespace(is_executing=True)):
        raw = report.fail(EVIL).get_raw_value()
    assert subprocess.run(["sh", "-c", raw], capture_output=True, check=False).stderr == (
        f"{SHOWN}\n".encode()
    )
    assert list(report.reasons.values()) == [SHOWN]


def test_a_failure_says_why_and_changes_nothing() -> None:
    with ctx_host.use(PretendedHost({})), ctx_state.use(SimpleNamespace(is_executing=True)):
        command = report.fail("it's $(rm) `gone` 100%\\n")
    raw = command.get_raw_value()
    result = subprocess.run(["sh", "-c", raw], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "it's $(rm) `gone` 100%\\n\n")


def run_script(*lines: str, cut: int = 0) -> subprocess.CompletedProcess[str]:
    text = report.script(*lines).connector_arguments["_stdin"]
    return subprocess.run(
        ["sh", "-s"],
        input=text[: len(text) - cut],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_script_stops_at_the_first_failure() -> None:
    result = run_script("echo one", "false", "echo two")
    assert (result.returncode, result.stdout) == (1, "one\n")


def test_a_script_that_is_cut_off_on_its_way_runs_whole_or_not_at_all() -> None:
    printed = {run_script("echo one", "echo two", cut=cut).stdout for cut in range(1, 40)}
    assert printed == {"", "one\ntwo\n"}


def test_a_program_in_a_script_cannot_swallow_the_rest_of_it() -> None:
    assert run_script("cat", "echo two").stdout == "two\n"


def test_pyinfra_passes_the_script_on_stdin() -> None:
    state = State(Inventory((["@local"], {})), Config())
    host = state.inventory.get_host("@local")
    command: StringCommand = report.script('echo "it\'s $((1 + 1))"')
    success, output = command.execute(state, host, {})
    assert (success, output.stdout) == (True, "it's 2")
    assert "it's" not in str(command)


def test_what_a_script_makes_can_be_read_whatever_the_operators_umask(tmp_path: Path) -> None:
    command = report.script(f"mkdir {tmp_path}/made")
    assert sh(f"umask 077; {command.get_raw_value()}", command.connector_arguments["_stdin"])
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o755
