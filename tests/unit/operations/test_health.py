from pathlib import Path

from facts.health import Health
from operations.health import healthy
from tests.unit.host_here import Done, perform
from tests.unit.operation_harness import Run, Shell, run


def apply(complaint: str | None, command: str = "/check", seconds: int = 60) -> Run:
    return run(healthy, command, seconds, facts={Health: complaint})


def wait(shell: Shell, check: str, seconds: int = 6) -> Done:
    """Waits for a check with this body; the pauses are only recorded."""
    shell.stand_in("check", check)
    shell.stand_in("sleep")
    (command,) = apply("502", str(shell.programs / "check"), seconds).commands
    return perform(command, shell)


def test_a_service_that_is_well_is_one_question() -> None:
    done = apply(None)
    assert (done.commands, done.said, done.noops) == ([], [], ["the service is well"])
    assert done.asked == [{"check": "/check"}]


def test_a_complaint_is_told_even_an_empty_one() -> None:
    assert apply("the page answers 502").said == ["/check: the page answers 502"]
    assert len(apply("").commands) == 1


def test_it_waits_until_the_service_is_well(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    done = wait(shell, f'[ "$(grep -c check {shell.log})" = 3 ]')
    assert (done.returncode, done.stderr) == (0, "")
    assert shell.calls == ["check ", "sleep 2", "check ", "sleep 2", "check "]


def test_it_gives_up_in_time_with_what_the_check_printed_last(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    done = wait(shell, "echo the page answers 502; exit 1", seconds=3)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "the page answers 502\n")
    assert shell.calls[:3] == ["check ", "sleep 2", "check "]
    assert shell.calls[-1] == "check "


def test_it_tries_at_least_once(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert wait(shell, "exit 1", seconds=0).returncode == 1
    assert shell.calls == ["check "]


def test_a_clock_that_is_set_meanwhile_changes_nothing(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("date", "echo 0")
    assert wait(shell, "exit 1", seconds=1).returncode == 1
