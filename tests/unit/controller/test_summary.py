"""What pyinfra's own command prints at the end of a run, and its exit status."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from copy import copy
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from controller import summary
from engine import report
from tests.unit.controller.pyinfra_here import (
    AWAY,
    OF_THE_PROJECT,
    PYINFRA,
    Data,
    inventory,
    pyinfra,
)

HERE = ("@local", OF_THE_PROJECT)

DEPLOY = """
import os
from pathlib import Path
from pyinfra import host
from controller.command_line import Ended
from controller.start import start
from engine.fact import Fact
from engine.operation import operation
from engine.report import fail, script, warn, warn_run

start()

@operation()
def written(path):
    if not Path(path).exists():
        yield script(f"sleep 0.2; touch {path}")

@operation()
def looked_at():
    warn("a stranger is there")
    host.noop("left alone")
    return
    yield

@operation()
def checked():
    if how := os.environ.get("HOW"):
        yield {"refuses": lambda: fail("it is broken"),
               "fails": lambda: script("echo no such thing >&2; exit 3"),
               "hangs": lambda: script("touch $HANGS; exec sleep 2")}[how]()

class Garbage(Fact):
    def command(self):
        return "echo garbage"
    default = list

if os.environ.get("HOW") == "raises":
    raise ValueError("a mistake")
if os.environ.get("HOW") == "ends":
    raise Ended(1)
if os.environ.get("HOW") == "garbage":
    host.get_fact(Garbage)
warn_run("the operator is elsewhere")
written(path=os.environ["FILE"], name="A file is there")
looked_at(name="Strangers are left")
checked(name="All is well")
looked_at(name="Nothing else")
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """Runs a deploy of four operations; returns the exit status and the lines of the summary."""
    (tmp_path / "site.py").write_text(DEPLOY)

    def ran(
        *arguments: str,
        hosts: tuple[tuple[str, Data], ...] = (HERE,),
        how: str = "",
        answer: str = "",
    ) -> tuple[int, list[str]]:
        done = pyinfra(
            inventory(tmp_path, *hosts), tmp_path / "site.py", *arguments,
            answer=answer, HOW=how, FILE=str(tmp_path / "file"),
        )  # fmt: skip
        _, _, end = done.stderr.partition("--> Disconnecting from hosts...\n")
        lines = [line.strip() for line in end.splitlines() if line.strip()]
        return done.returncode, [" ".join(line.split()) for line in lines]

    return ran


Ran = Callable[..., tuple[int, list[str]]]

LOOK = ["--> Look at this:", "the operator is elsewhere", "[@local] a stranger is there"]


def without_times(lines: list[str]) -> list[str]:
    """The lines without the times that hosts and the run took."""
    return [re.sub(r" \d+\.\d s\b|\. Took \d+\.\d s$", "", line) for line in lines]


def test_a_run_ends_in_a_line_a_host_what_to_look_at_and_what_its_exit_status_means(
    run: Ran,
) -> None:
    status, lines = run("-y")
    assert (status, without_times(lines)) == (
        0,
        [
            "--> Summary:",
            "@local changed (1 operation)",
            *LOOK,
            "--> Exit status 0: 1 changed; all is done",
        ],
    )
    took = float(lines[1].split()[1])
    assert 0.2 <= took < 5
    status, lines = run(answer="\n")
    assert (status, without_times(lines)[1]) == (0, "@local unchanged")


def test_a_dry_run_ends_in_what_would_change_and_so_does_one_that_nobody_confirms(run: Ran) -> None:
    status, lines = run("--dry")
    assert (status, without_times(lines)) == (
        0,
        [
            "--> Summary:",
            "@local would change (1 operation)",
            *LOOK,
            "--> Exit status 0: 1 would change; nothing was changed "
            "(a dry run exits 0 whatever it shows)",
        ],
    )
    status, lines = run(answer="no\n")
    assert (status, without_times(lines)[-1]) == (
        0,
        "--> Exit status 0: 1 would change; nothing was changed",
    )
    # With -y pyinfra does not look at what would change.
    assert run("--dry", "-y")[1][1] == "@local not looked at, with -y"


def test_what_would_fail_is_said_with_its_reason(run: Ran) -> None:
    assert run("--dry", how="refuses")[1][1] == "@local would fail: it is broken"


@pytest.mark.parametrize(
    ("how", "reason"), [("refuses", "it is broken"), ("fails", "no such thing")]
)
def test_a_host_that_failed_is_named_with_where_and_why(run: Ran, how: str, reason: str) -> None:
    status, lines = run("-y", how=how)
    said = f'@local failed in "All is well": {reason} (1 operation changed before)'
    assert (status, without_times(lines)[1]) == (1, said)
    end = "--> Exit status 1: 1 failed; put that right and run again: what is done stays"
    assert end in without_times(lines)


def test_a_host_that_does_not_answer_is_unreachable_and_the_others_are_done(run: Ran) -> None:
    status, lines = run("-y", hosts=(HERE, ("away1", AWAY)))
    assert status == 1
    assert without_times(lines)[1:3] == ["@local changed (1 operation)", "away1 unreachable"]
    assert lines[-1].startswith("--> Exit status 1: 1 changed, 1 unreachable; put that right")


def test_a_host_that_limit_leaves_out_is_not_of_the_run(run: Ran) -> None:
    status, lines = run("-y", "--limit", "@local", hosts=(HERE, ("away1", AWAY)))
    assert status == 0 and "away1" not in "".join(lines)


def test_if_nobody_answers_it_is_said_too(run: Ran) -> None:
    status, lines = run("-y", hosts=(("away1", AWAY),))
    assert (status, lines[1]) == (1, "away1 unreachable")


def test_a_failure_that_pyinfra_does_not_count_is_no_success(run: Ran) -> None:
    """pyinfra alone exits 0 with --no-wait, and if no host is left."""
    assert run("-y", "--no-wait", how="fails")[0] == 1
    status, lines = run("-y", "--exclude", "@local")
    said = ["--> Exit status 1: no host is in this run"]
    assert (status, without_times(lines)) == (1, said)


def test_a_run_that_is_refused_changes_nothing_and_ends_in_the_reason(run: Ran) -> None:
    status, lines = run("-y", how="raises")
    assert status == 1 and lines[-1] == "ValueError: a mistake"
    assert "--> Exit status 1: 1 untouched; nothing was changed" in without_times(lines)


def test_a_host_that_cannot_be_read_has_failed(run: Ran) -> None:
    status, lines = run("-y", how="garbage")
    assert (status, lines[1]) == (1, "@local failed: how it is could not be read")


def test_what_ends_in_a_report_of_its_own_such_as_the_audit_has_no_summary(run: Ran) -> None:
    assert run("-y", how="ends") == (1, [])


def test_an_interrupted_run_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "site.py").write_text(DEPLOY)
    hangs = tmp_path / "hangs"
    process = subprocess.Popen(
        [PYINFRA, inventory(tmp_path, HERE), tmp_path / "site.py", "-y"],
        stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        env={**os.environ, "HOW": "hangs", "HANGS": str(hangs), "FILE": str(tmp_path / "file")},
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "Starting operation: All is well" in line:
            break
    while not hangs.exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait(60) == 1
    assert "@local" in said and "cut off: " in said
    assert "--> Exit status 1: 1 cut off; put that right and run again" in said


def test_a_warning_of_many_hosts_names_some_of_them() -> None:
    names = [f"host{number}" for number in range(203)]
    assert summary._named(names[:2]) == "[host0, host1] "
    assert summary._named(names) == "[host0, host1, host2, host3, 199 more] "
    assert summary._named([""]) == ""


def test_a_host_that_is_lost_in_the_midst_of_a_command_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such a command ends with neither an exit status nor a word on stderr."""
    monkeypatch.setattr(report, "reasons", {})
    for name, is_active in (("lost", False), ("there", True)):
        used = SimpleNamespace(is_active=partial(bool, is_active))
        client = SimpleNamespace(get_transport=partial(copy, used))
        host = SimpleNamespace(name=name, connector=SimpleNamespace(client=client))
        watch = summary._Watch()
        watch.operation_host_start(None, host, "")
        watch.operation_host_error(None, host, "")
    assert report.reasons == {("lost", True): "the connection was lost"}
