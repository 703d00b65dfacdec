"""The script that ends sessions, in a real shell, on processes of this test."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.report import script
from operations.sessions import END_SESSIONS
from tests.unit.host_here import perform
from tests.unit.operation_harness import Shell

UID = 54321


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def shell(tmp_path: Path, process: subprocess.Popen[bytes]) -> Shell:
    """A shell in which pgrep finds this process alone, while it lives and is no zombie."""
    shell = Shell(tmp_path)
    alive = f"grep -q 'State:.[RS]' /proc/{process.pid}/status 2> /dev/null"
    shell.stand_in("pgrep", f"{alive} && echo {process.pid}")
    return shell


def end(shell: Shell, *lines: str) -> subprocess.CompletedProcess[str]:
    return perform(script(END_SESSIONS, *lines), shell)


def test_whatever_somebody_runs_ends(shell: Shell, process: subprocess.Popen[bytes]) -> None:
    assert end(shell, f"end_all {UID}").returncode == 0
    assert process.wait(5) == -9
    assert shell.calls[0] == f"pgrep -u {UID}"


def test_the_session_of_the_run_itself_is_spared(
    shell: Shell, process: subprocess.Popen[bytes]
) -> None:
    # The process is of the same control group as the script.
    assert end(shell, f"login={UID}", f"end_all {UID}", "echo done").stdout == "done\n"
    assert process.poll() is None


def test_what_does_not_end_is_an_error(shell: Shell) -> None:
    # Each look finds another process.
    shell.stand_in("pgrep", "sleep 5 > /dev/null 2>&1 & echo $!")
    done = end(shell, f"end_all {UID}")
    assert done.returncode != 0 and f"processes of uid {UID} do not end: " in done.stderr
