from pathlib import Path

import pytest

from facts.accounts import User, Users
from operations.accounts import Reserved, reserved, service_user
from tests.unit.host_here import perform
from tests.unit.operation_harness import Run, Shell, run

USERADD = (
    "useradd --uid 20001 --gid 20001 --no-create-home --home-dir /nonexistent "
    "--shell /usr/sbin/nologin vision"
)


def user(uid: int) -> User:
    return User(uid, "/nonexistent", "/usr/sbin/nologin")


def apply(**there: User) -> Run:
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
    done = apply(vision=user(20001))
    assert (done.commands, done.said, done.noops) == ([], [], ["user vision exists"])
    assert done.asked == [{"names": ["vision"]}]


def test_a_user_with_another_uid_is_never_renumbered() -> None:
    done = apply(vision=user(33))
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


def test_one_of_any_uid_is_the_systems(shell: Shell) -> None:
    def apply(**there: User) -> Run:
        return run(service_user, "pull", None, "/", "/bin/sh", facts={Users: there})

    (command,) = apply().commands
    perform(command, shell)
    assert shell.calls == [
        "useradd --system --user-group --no-create-home --home-dir / --shell /bin/sh pull"
    ]
    assert apply(pull=User(998, "/", "/bin/sh")).commands == []
    assert "is a person's (uid 1001)" in apply(pull=User(1001, "/", "/bin/sh")).failure


def test_home_and_shell_are_put_right(shell: Shell) -> None:
    shell.stand_in("usermod")
    done = apply(vision=User(20001, "/home/vision", "/bin/bash"))
    perform(done.commands[0], shell)
    assert done.said == ["user vision: /home/vision, /bin/bash -> /nonexistent, /usr/sbin/nologin"]
    assert shell.calls == ["usermod --home /nonexistent --shell /usr/sbin/nologin vision"]


BBB = Reserved("bigbluebutton", 3000, "/home/bigbluebutton")


def test_what_a_package_would_make_by_chance_is_made_before_by_number(shell: Shell) -> None:
    shell.stand_in("getent", "exit 2")
    done = run(reserved, [BBB], facts={Users: {}})
    assert done.said == ["user bigbluebutton: absent -> uid 3000"]
    (command,) = done.commands
    assert perform(command, shell).returncode == 0
    assert shell.calls == [
        "getent group bigbluebutton",
        "groupadd --gid 3000 bigbluebutton",
        "useradd --uid 3000 --gid bigbluebutton --no-create-home --home-dir /home/bigbluebutton "
        "--shell /usr/sbin/nologin bigbluebutton",
    ]


def test_what_a_package_has_made_stays_as_it_is_and_is_told() -> None:
    there = User(997, "/elsewhere", "/bin/bash")
    done = run(reserved, [BBB], facts={Users: {"bigbluebutton": there}})
    assert (done.commands, done.said) == ([], [])
    assert done.warned == [
        "user bigbluebutton was there before with uid 997, and keeps it; on other hosts the user "
        "has uid 3000"
    ]
    same = run(reserved, [BBB], facts={Users: {"bigbluebutton": User(3000, "/x", "/bin/sh")}})
    assert (same.commands, same.warned, same.noops) == ([], [], ["the users are there"])


def test_a_user_that_a_package_of_debians_takes_over_is_the_systems(shell: Shell) -> None:
    """`adduser --system` in the package's postinst fails for a user with a uid of 1000 or more."""
    shell.stand_in("getent", "exit 2")
    haproxy = Reserved("haproxy", None, "/var/lib/haproxy")
    done = run(reserved, [haproxy], facts={Users: {}})
    assert done.said == ["user haproxy: absent -> present"]
    assert perform(done.commands[0], shell).returncode == 0
    assert shell.calls[1:] == [
        "groupadd --system haproxy",
        "useradd --system --gid haproxy --no-create-home --home-dir /var/lib/haproxy "
        "--shell /usr/sbin/nologin haproxy",
    ]
    there = run(reserved, [haproxy], facts={Users: {"haproxy": User(107, "/x", "/bin/false")}})
    assert (there.commands, there.warned) == ([], [])
