"""The end of a run of the real pyinfra, on this machine and on a port at which nobody listens."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet import ROOT

Run = Callable[..., tuple[int, str]]

DEPLOY = """\
from pyinfra import host
from pyinfra.operations import server
from controller import summary
from engine.operation import operation
from engine.report import fail, warn

summary.watch()

@operation()
def looks(reason=""):
    warn("one disk is old")
    if reason:
        yield fail(reason)
    yield from ()

looks(name="Looks"{looks})
server.shell(name="Shell", commands=[{command!r}])
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a deploy, with a host that is away or without; gives its status and its last words."""

    def ran(
        *words: str, command: str = "true", looks: str = "", away: bool = False
    ) -> tuple[int, str]:
        hosts = ["@local", *([("127.0.0.1", {"ssh_port": 1})] if away else [])]
        (tmp_path / "hosts.py").write_text(f"hosts = {hosts!r}\n")
        (tmp_path / "do.py").write_text(DEPLOY.format(command=command, looks=looks))
        pyinfra = str(Path(sys.executable).parent / "pyinfra")
        done = subprocess.run(
            [pyinfra, str(tmp_path / "hosts.py"), str(tmp_path / "do.py"), *words],
            cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode, done.stderr.partition("--> Summary:\n")[2]

    return ran


def test_a_run_ends_in_a_line_a_host_and_what_to_look_at(run: Run) -> None:
    status, text = run("-y")
    assert status == 0
    host, *rest = [line.strip() for line in text.splitlines() if line.strip()]
    assert host.startswith("@local  changed: 1 operation  ") and host.endswith(" s")
    assert rest[:2] == ["A person should look at:", "@local: one disk is old"]
    assert rest[2].endswith("1 changed.")
    assert "Exit status 0: every host is as the data says." in text


def test_a_host_that_fails_is_told_with_its_reason(run: Run) -> None:
    status, text = run("-y", looks=', reason="the disk is gone"')
    assert status == 1
    assert "@local  failed: Looks: the disk is gone" in text
    assert "Exit status 1: not every host is as the data says" in text
    status, text = run("-y", command="false")
    assert (status, "@local  failed: Shell" in text) == (1, True)


def test_a_host_that_is_away_is_told(run: Run) -> None:
    status, text = run("-y", away=True)
    assert status == 1
    assert "127.0.0.1  unreachable" in text and "1 changed, 1 unreachable" in text


def test_a_dry_run_says_what_would_be(run: Run) -> None:
    status, text = run("--dry")
    assert status == 0
    assert "@local  would change: 1 operation" in text
    assert "Exit status 0: nothing was changed." in text
    status, text = run("--dry", looks=', reason="the disk is gone"')
    assert "@local  would fail: the disk is gone" in text


def test_output_for_programs_stays_that(run: Run) -> None:
    assert run("--dry", "--json") == (0, "")
