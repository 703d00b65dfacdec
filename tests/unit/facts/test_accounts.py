import os
import pwd
from pathlib import Path

from facts.accounts import User, Users
from tests.unit.host_here import ask
from tests.unit.operation_harness import Shell

ME = pwd.getpwuid(os.getuid())


def test_the_users_that_exist() -> None:
    mine = User(ME.pw_uid, ME.pw_dir, ME.pw_shell)
    nobody = pwd.getpwnam("nobody")
    assert ask(Users, ["nobody", "no-such-user", ME.pw_name]) == {
        "nobody": User(nobody.pw_uid, nobody.pw_dir, nobody.pw_shell),
        ME.pw_name: mine,
    }


def test_no_user_found_is_an_empty_answer() -> None:
    assert ask(Users, ["no-such-user"]) == Users.default() == {}


def test_a_full_name_with_umlauts_and_commas_is_no_trouble(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    line = "vision:x:20001:20001:Vision Bürd,,,:/nonexistent:/usr/sbin/nologin"
    shell.stand_in("getent", f"echo '{line}'; exit 2")
    assert ask(Users, ["vision", "a b"], shell=shell) == {
        "vision": User(20001, "/nonexistent", "/usr/sbin/nologin")
    }
    assert shell.calls == ["getent passwd vision a b"]


def test_noise_is_not_a_user() -> None:
    assert Users().parse(["", "nscd: unable to connect"]) == {}
