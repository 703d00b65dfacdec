from pathlib import Path

import pytest

from facts.accounts import Users
from operations.accounts import service_user
from tests.unit.host_here import perform
from tests.unit.operation_harness import Run, Shell, run

USERADD = (
    "useradd --uid 20001 --gid 20001 --no-create-home --home-dir /nonexistent "
    "--shell /usr/sbin/nologin vision"
)


def apply(**there: int) -> Run:
    return run(service_user, "vision", 20001, facts={Users: there})


def make(shell: Shell) -> list[str]:
    (command,) = apply().commands
    assert perform(command, shell).returncode == 0
    return shell.calls


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    for name in ("getent", "groupadd", "useradd"):
        shell.stand_in(name)
    return shell


def test_a_user_who_exists_is_left_alone() -> None:
    done = apply(vision=20001)
    assert (done.commands, done.said, done.noops) == ([], [], ["user vision exists"])
    assert done.asked == [{"names": ["vision"]}]


def test_a_user_with_another_uid_is_never_renumbered() -> None:
    done = apply(vision=33)
    assert len(done.commands) == 1
    assert done.failure == "user vision has uid 33, not 20001; move its files and delete it first"


def test_a_user_is_made_with_a_group_of_the_same_number(shell: Shell) -> None:
    shell.stand_in("getent", "exit 2")
    assert make(shell) == ["getent group vision", "groupadd --gid 20001 vision", USERADD]
    assert apply().said == ["user vision: absent -> uid 20001"]


def test_a_group_that_a_cut_off_run_made_is_used(shell: Shell) -> None:
    assert make(shell) == ["getent group vision", USERADD]


def test_no_user_is_made_in_somebody_elses_group(shell: Shell) -> None:
    shell.stand_in("getent", "exit 2")
    shell.stand_in("groupadd", "echo GID 20001 already exists >&2; exit 4")
    assert perform(apply().commands[0], shell).returncode == 4
    assert shell.calls[-1].startswith("groupadd")
