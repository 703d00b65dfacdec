import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import FunctionCommand

from engine import undo
from facts.access import KEYS, SSHD_CONFIG, Access, AccessState, AccountState
from facts.files import PathState
from operations.access import NOT_AHEAD, drift, people
from operations.access.authorized_keys import expiry, key_of_line
from operations.access.steps import _leave, opening
from operations.access.wanted import ADMINS, HEADER, PEOPLE, SSHD, SUDOERS, TO_END, Account, Wanted
from operations.sessions import END_SESSIONS
from tests.unit.apart import in_a_world, needs_a_world
from tests.unit.host_here import sh
from tests.unit.operation_harness import Run, Shell, run

OPS = "ssh-ed25519 AAAAops laptop"
WEB = 'from="10.66.0.0/16",expiry-time="20270701" ssh-ed25519 AAAAweb'
ROGUE = "ssh-rsa AAAArogue"
ACCOUNTS = [Account("ops-hypha-1", True, (OPS,)), Account("web-hypha-1", False, (WEB,))]
SETTINGS = {"permitrootlogin": "no", "usepam": "yes"}
BASH, NOLOGIN = "/bin/bash", "/usr/sbin/nologin"
WAITING = undo.directory("access")


def person(uid: int, name: str, **other: Any) -> AccountState:
    return AccountState(uid, f"/home/{name}", **{"shell": BASH, **other})


def file(content: str, mode: int = 0o644, owner: str = "root") -> PathState:
    return PathState("file", mode, owner, "root", content=content.encode())


CONVERGED = AccessState(
    login="ops-hypha-1",
    accounts={
        "root": AccountState(0, "/root", BASH),
        "www-data": AccountState(33, "/var/www", NOLOGIN),
        "ops-hypha-1": person(1000, "ops-hypha-1", sudo=True),
        "web-hypha-1": person(1001, "web-hypha-1"),
        "vision": person(20001, "none", shell=NOLOGIN),
    },
    groups={
        PEOPLE: frozenset({"ops-hypha-1", "web-hypha-1"}),
        ADMINS: frozenset({"ops-hypha-1"}),
        "sudo": frozenset(),
    },
    files={
        KEYS: PathState("directory", 0o755, "root", "root"),
        f"{KEYS}/ops-hypha-1": file(f"{HEADER}{OPS}\n"),
        f"{KEYS}/web-hypha-1": file(f"{HEADER}{WEB}\n"),
        SUDOERS: file(f"{HEADER}%coop-admins ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440),
        SSHD: file(f"{HEADER}permitrootlogin no\nusepam yes\n"),
    },
    settings={"root": SETTINGS, "ops-hypha-1": SETTINGS, "web-hypha-1": SETTINGS},
)


def but(
    accounts: dict[str, AccountState] | None = None,
    groups: dict[str, set[str]] | None = None,
    files: dict[str, PathState | None] | None = None,
    **other: Any,
) -> AccessState:
    """The converged host with these values added, or in the place of its own."""
    together = {**CONVERGED.files, **(files or {})}
    return replace(
        CONVERGED,
        accounts={**CONVERGED.accounts, **(accounts or {})},
        groups={**CONVERGED.groups, **{k: frozenset(v) for k, v in (groups or {}).items()}},
        files={path: state for path, state in together.items() if state},
        **other,
    )


def apply(
    *states: AccessState, accounts: list[Account] = ACCOUNTS, proof: Any = lambda: None, **how: Any
) -> Run:
    answers: Any = list(states) if len(states) > 1 else states[0]
    wanted = Wanted(tuple(accounts), SETTINGS)
    return run(people, lambda: wanted, proof, facts={Access: answers}, **how)


def scripts(done: Run) -> list[str]:
    """What each command of the run is: a script, a tar that is unpacked, or a call."""
    texts = []
    for command in done.commands:
        if isinstance(command, FunctionCommand):
            texts.append("(proof)")
        elif command.get_raw_value().endswith("sh -s"):
            texts.append(str(command.connector_arguments["_stdin"]))
        else:
            texts.append(command.get_raw_value())
    return texts


def only_script(done: Run) -> str:
    (text,) = scripts(done)
    return text


def test_a_file_of_sshds_from_a_time_to_come_gets_the_present_time(tmp_path: Path) -> None:
    config = tmp_path / "sshd_config"
    (tmp_path / "sshd_config.d").mkdir()
    for file in (config, tmp_path / "sshd_config.d/a.conf"):
        file.touch()
        os.utime(file, (1000, 1000))
    # A test cannot set a ctime.
    text = NOT_AHEAD.replace(SSHD_CONFIG, str(config)).replace("-newerct", "-newermt")
    os.utime(config, (2**32, 2**32))
    assert sh(text).returncode == 0
    assert abs(config.stat().st_mtime - time.time()) < 60
    assert (tmp_path / "sshd_config.d/a.conf").stat().st_mtime == 1000


def test_who_is_as_wanted_is_left_alone() -> None:
    done = apply(CONVERGED)
    assert done.commands == [] and done.warned == []
    assert done.noops == ["2 people can log in, and nobody else"]


def test_a_change_is_undone_unless_it_is_proven() -> None:
    done = apply(but(files={SSHD: None}), CONVERGED)
    armed, written, reloaded, proof, confirmed = scripts(done)
    assert undo.directory("access") in armed and SSHD in armed
    assert "tar -x" in written
    assert f"sshd -t\n{NOT_AHEAD}\nsystemctl reload ssh.service" in reloaded
    assert proof == "(proof)"
    assert "undone before it was confirmed" in confirmed


def test_only_what_is_written_comes_back() -> None:
    armed = scripts(apply(but(files={SSHD: None}), CONVERGED))[0]
    line = next(line for line in armed.splitlines() if line.startswith("for path in"))
    assert line == f"for path in {SSHD}; do"


def test_what_an_earlier_run_did_not_prove_is_undone_first() -> None:
    waiting = but(files={WAITING: PathState("directory", 0o700, "root", "root")})
    done = apply(waiting, CONVERGED)
    assert "systemctl start coop-undo@access.service" in only_script(done)
    assert done.said == [
        "an earlier change was never confirmed: undone; or cleared, if it had not begun"
    ]


def test_people_get_account_groups_and_keys() -> None:
    fresh = AccessState(
        login="debian",
        accounts={"root": AccountState(0, "/root", BASH), "debian": person(1000, "debian")},
        settings={"root": {}},
    )
    armed, written, *_ = scripts(apply(fresh, CONVERGED))
    for line in (
        "groupadd --system coop-people",
        "-m --shell /bin/bash ops-hypha-1",
        "gpasswd --add ops-hypha-1 coop-people",
        "gpasswd --add ops-hypha-1 coop-admins",
        "gpasswd --add web-hypha-1 coop-people",
    ):
        assert line in armed
    assert "web-hypha-1 coop-admins" not in armed
    # Accounts come before the undo is armed, and so before any key counts.
    assert armed.index("useradd") < armed.index("coop-undo@access.timer")
    assert f"{KEYS}/ops-hypha-1" in written


def test_an_account_that_was_closed_is_opened_again() -> None:
    closed = person(1001, "web-hypha-1", expires=1, shell=NOLOGIN)
    armed = scripts(apply(but(accounts={"web-hypha-1": closed}), CONVERGED))[0]
    web = "web-hypha-1 1001 /home/web-hypha-1"
    opened = "usermod --expiredate '' --shell /bin/bash web-hypha-1"
    # What started in its name before must not start for whoever has the account now.
    assert f"take_away {web} && put_aside {web} && {opened}" in armed
    assert END_SESSIONS in armed.partition("take_away web-hypha-1")[0]
    expires = person(1001, "web-hypha-1", expires=30000)
    armed = scripts(apply(but(accounts={"web-hypha-1": expires}), CONVERGED))[0]
    assert opened in armed and "take_away web" not in armed


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (None, "ends never -> ends after 2027-06-30"),
        (30000, "ends after 2052-02-19 -> ends after 2027-06-30"),
        (1, "closed -> open"),
    ],
)
def test_the_host_knows_itself_when_an_account_ends(before: int | None, said: str) -> None:
    accounts = [ACCOUNTS[0], replace(ACCOUNTS[1], ends=21000)]
    found = but(accounts={"web-hypha-1": person(1001, "web-hypha-1", expires=before)})
    done = apply(found, CONVERGED, accounts=accounts)
    assert f"account web-hypha-1: {said}" in done.said
    armed = scripts(done)[0]
    assert "usermod --expiredate 21000 --shell /bin/bash web-hypha-1" in armed
    same = but(accounts={"web-hypha-1": person(1001, "web-hypha-1", expires=21000)})
    assert apply(same, accounts=accounts).commands == []
    new = apply(AccessState(), CONVERGED, accounts=accounts)
    assert any("--expiredate 21000 -m" in it for it in scripts(new))


def test_no_account_of_people_ends_because_of_a_password_that_nobody_has() -> None:
    found = but(accounts={
        "web-hypha-1": person(1001, "web-hypha-1", ages=20514),
        "ops-hypha-1": person(1000, "ops-hypha-1", ages=0, sudo=True),
    })  # fmt: skip
    done = apply(found, CONVERGED)
    armed = scripts(done)[0]
    assert "chage -M -1 -I -1 web-hypha-1\n" in armed
    assert 'chage -M -1 -I -1 -d "$(date -u +%F)" ops-hypha-1\n' in armed
    web = "account web-hypha-1: has to change its password after 2026-03-01 -> never"
    assert web in done.said and web in drift(found, WANTED)
    assert "account ops-hypha-1: has to change its password at once -> never" in done.said


@needs_a_world
def test_a_new_account_is_for_ever_whatever_the_host_has_for_new_accounts() -> None:
    (step,) = [it for it in opening(AccessState(), ACCOUNTS[:1]) if "account ops" in it.text][:1]
    done = in_a_world(
        "echo 'PASS_MAX_DAYS 60' >> /etc/login.defs; mkdir /etc/default /etc/skel\n"
        "printf 'INACTIVE=30\nEXPIRE=2026-01-01\n' > /etc/default/useradd\n"
        "echo vision:x:20001:20001::/:/bin/false >> /etc/passwd\n"
        "echo vision:x:20001: >> /etc/group\n"
        f"{step.command}; sed -n s/^ops-hypha-1:[^:]*:[^:]*://p /etc/shadow; id -u ops-hypha-1"
    )
    shadow, uid = done.stdout.split()
    assert shadow.split(":")[1::2] == ["", "", ""] and shadow.split(":")[4] == ""
    assert int(uid) < 20000


def test_a_shell_that_is_no_program_is_replaced_and_an_odd_one_is_told() -> None:
    web = {"web-hypha-1": person(1001, "web-hypha-1", shell="/bin/tcsh")}
    done = apply(but(accounts=web))
    assert done.commands == []
    assert done.warned == [
        "the login shell of web-hypha-1 is /bin/tcsh: a run by web-hypha-1 would fail on this "
        "host, so `chsh -s /bin/bash web-hypha-1`"
    ]
    gone = but(accounts=web, unusable_shells=frozenset({"/bin/tcsh"}))
    assert "usermod --shell /bin/bash web-hypha-1" in scripts(apply(gone, CONVERGED))[0]


def test_a_home_of_somebody_else_or_of_nobody_is_told() -> None:
    homes = {"/": 0, "/home/ops-hypha-1": 1000, "/home/web-hypha-1": 1001, "/home/new-1": 1002}
    new = [*ACCOUNTS, Account("new-1", False, ())]
    assert apply(but(homes=homes)).warned == []
    found = but(homes={**homes, "/home/web-hypha-1": 1009})
    (told,) = apply(found).warned
    assert told.startswith("/home/web-hypha-1 is the home of web-hypha-1 (uid 1001), and belongs ")
    assert "to uid 1009 (nobody): look whose files these are" in told and told in drift(
        found, WANTED
    )
    del homes["/home/web-hypha-1"]
    (gone, before) = apply(but(homes=homes), CONVERGED, accounts=new).warned
    assert gone.startswith("/home/web-hypha-1, the home of web-hypha-1, is not there")
    assert before.startswith(
        "/home/new-1 is there before the account new-1, and belongs to uid 1002"
    )


@pytest.mark.parametrize(
    "account",
    [{"sudo": False}, {"sudo": True, "hurdle": "it asks them for a password"}],
    ids=["nothing", "with a password"],
)
def test_an_admin_for_whom_sudo_does_not_hold_fails_the_run(account: dict[str, Any]) -> None:
    found = but(accounts={"ops-hypha-1": person(1000, "ops-hypha-1", **account)})
    why = account.get("hurdle", "it lets them do nothing")
    text = (
        "ops-hypha-1 is an admin, and sudo does not let them do everything without a password: "
        f"{why}"
    )
    done = apply(found)
    assert len(done.commands) == 1 and text in done.failure
    assert text in "\n".join(drift(found, WANTED))
    assert text in "\n".join(apply(found, executing=False).warned)
    # Whoever has to go goes all the same.
    done = apply(found, accounts=ACCOUNTS[:1])
    assert "shut web-hypha-1" in scripts(done)[0] and text in done.failure
    # What is still to be done is no reason: only afterwards sudo knows better.
    for undone in (but(files={SUDOERS: None}), but(groups={ADMINS: set()})):
        before = replace(undone, accounts=found.accounts)
        assert text not in "\n".join(drift(before, WANTED))
        done = apply(before, found)
        assert len(done.commands) > 4 and text in done.failure


def test_whom_pam_refuses_fails_the_run() -> None:
    reason = "Permission denied"
    both = ("ops-hypha-1", "web-hypha-1")
    found = but(accounts={it: replace(CONVERGED.accounts[it], pam=reason) for it in both})
    text = "PAM lets nobody in as ops-hypha-1, web-hypha-1 (Permission denied): look at "
    assert text in apply(found).failure and text in "\n".join(drift(found, WANTED))
    # A run opens what is closed, and does not blame PAM for it.
    closed = but(accounts={"web-hypha-1": person(1001, "web-hypha-1", expires=1, pam=reason)})
    assert "PAM" not in "\n".join(drift(closed, WANTED))


def test_whoever_is_no_admin_any_more_leaves_every_group_of_power() -> None:
    strong = {"web-hypha-1", "ops-hypha-1"}
    done = apply(but(groups={ADMINS: strong, "sudo": {"web-hypha-1"}, "libvirt": {"web-hypha-1"}}))
    text = only_script(done)
    assert "gpasswd --delete web-hypha-1 libvirt" in text
    assert "gpasswd --delete web-hypha-1 coop-admins" in text
    assert "gpasswd --delete web-hypha-1 sudo" in text
    assert "--delete ops-hypha-1" not in text
    # An open session keeps the groups that it began with.
    assert (
        text.index("sudo > /dev/null") < text.index("end_running web-hypha-1 1001 ")
        and " 1000 " not in text
    )


def test_whoever_is_removed_is_closed_out_in_an_order_that_can_be_resumed() -> None:
    text = only_script(apply(CONVERGED, accounts=ACCOUNTS[:1]))
    steps = [
        f"rm -rf -- {KEYS}/web-hypha-1",
        "shut web-hypha-1 1001 /home/web-hypha-1 && usermod --shell /usr/sbin/nologin web-hypha-1",
        "gpasswd --delete web-hypha-1 coop-people",
    ]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert "userdel" not in text and "ops-hypha-1" not in text.replace(END_SESSIONS, "")


def test_an_account_that_was_closed_half_way_is_closed() -> None:
    half = person(1002, "gone", expires=1, shell=NOLOGIN)
    text = only_script(apply(but(accounts={"gone": half}, groups={PEOPLE: {
        "gone", "ops-hypha-1", "web-hypha-1"}})))  # fmt: skip
    assert "shut gone 1002 /home/gone" in text and "gpasswd --delete gone coop-people" in text


def test_an_account_that_nobody_declared_is_closed_and_a_services_is_not() -> None:
    found = {"mallory": person(1005, "mallory"), "minecraft": person(1006, "mc", shell=NOLOGIN)}
    text = only_script(apply(but(accounts=found)))
    assert "shut mallory 1005 /home/mallory" in text
    assert "minecraft" not in text and "1006" not in text and "vision" not in text


def test_the_account_that_the_run_came_by_is_closed_by_the_next_one() -> None:
    done = apply(but(accounts={"debian": person(1005, "debian")}, login="debian"))
    assert done.commands == []
    assert done.warned == ["you came as debian, who is nobody: come as yourself, which closes it"]


def test_strays_are_told_and_removed_and_sessions_of_their_keys_end() -> None:
    strays = {
        "/root/.ssh/authorized_keys": f"# note\n{ROGUE}\n",
        "/home/ops-hypha-1/.ssh/authorized_keys": f"{OPS} again\n",
        "/home/web-hypha-1/.ssh/authorized_keys2": f"{ROGUE}\n",
    }
    done = apply(but(strays=strays))
    text = only_script(done)
    for path in strays:
        assert f"gone {path}" in text
        assert any(f"{path}: present -> absent" in text for text in done.said)
    # Of root only the logins end: everything else of root is the system itself.
    assert "end_sessions 0;" in text and " 0 /root" not in text
    assert "end_account web-hypha-1 1001 /home/web-hypha-1;" in text
    assert " 1000 " not in text, "their key is as good as before"


def test_a_stray_that_was_not_read_is_removed_and_told_as_such() -> None:
    path = "/home/ops-hypha-1/.ssh/authorized_keys"
    done = apply(but(strays={path: ""}, unread={path: "8 bytes, which is too much to read"}))
    assert f"gone {path}" in only_script(done)
    assert f"{path}: present -> absent, with 8 bytes, which is too much to read" in done.said


def test_a_key_that_is_replaced_ends_the_sessions_of_its_owner() -> None:
    new = Account("web-hypha-1", False, ("ssh-ed25519 AAAAnew",))
    *_, last = scripts(apply(CONVERGED, CONVERGED, accounts=[ACCOUNTS[0], new]))
    assert "end_account web-hypha-1 1001 /home/web-hypha-1" in last and " 1000 " not in last


def test_what_starts_without_a_login_is_told_and_goes_with_the_key_or_the_account() -> None:
    crontab = "/var/spool/cron/crontabs/web-hypha-1"
    found = but(starts={"web-hypha-1": (crontab,), "ops-hypha-1": ("/x",)})
    assert apply(found).commands == [], "whoever may log in may have a crontab"
    new = Account("web-hypha-1", False, ("ssh-ed25519 AAAAnew",))
    taken = f"; {crontab}: present -> taken away"
    done = apply(found, found, accounts=[ACCOUNTS[0], new])
    assert f"account web-hypha-1: a key is gone, so its sessions end{taken}" in done.said
    done = apply(found, accounts=ACCOUNTS[:1])
    ends = "open -> closed, and all sessions and processes of web-hypha-1 end"
    assert f"account web-hypha-1: {ends}{taken}" in done.said
    # An earlier version of this project left it where it was.
    closed = but(
        accounts={
            "gone": person(1002, "gone", expires=1, shell=NOLOGIN),
            "board": person(1003, "board", shell=NOLOGIN),
        },
        starts={"gone": (crontab,), "board": ("/var/spool/cron/crontabs/board",)},
    )
    done = apply(closed)
    assert done.said == [f"account gone: closed{taken}"]
    gone = "gone 1002 /home/gone"
    assert f"take_away {gone} && put_aside {gone};" in only_script(done)
    assert drift(closed, WANTED) == done.said


def test_who_shares_a_uid_with_who_goes_is_named() -> None:
    found = but(accounts={"alias": person(1001, "alias")})
    ends = "open -> closed, and all sessions and processes of alias and web-hypha-1 end"
    assert f"account alias: {ends}" in apply(found).said


def test_sessions_that_a_run_was_cut_off_before_ending_are_ended_by_the_next_one() -> None:
    new = Account("web-hypha-1", False, ("ssh-ed25519 AAAAnew",))
    armed, *_, last = scripts(apply(CONVERGED, CONVERGED, accounts=[ACCOUNTS[0], new]))
    note = f"printf '%s\\n' web-hypha-1 > {TO_END}.new; sync {TO_END}.new\nmv {TO_END}.new {TO_END}"
    assert note in armed.partition("mkdir -m 700")[0]
    # The note stays if some process does not end.
    end_account = "end_account web-hypha-1 1001 /home/web-hypha-1"
    end = f'{{ {end_account}; }} || failed=yes\n[ -z "$failed" ]; rm -f {TO_END}\n}}\n'
    assert last.endswith(end)
    # An undo removes the note too: then no key was lost.
    assert f"rm -f {TO_END}" in armed.partition("END-OF-UNDO")[2]

    text = only_script(apply(but(files={TO_END: file("web-hypha-1\ngone\n")})))
    assert f"{end_account};" in text and " 1000 " not in text


def test_an_address_with_a_port_of_its_own_is_another_way_in() -> None:
    where = {"port": "22", "listenaddress": "[::]:22 0.0.0.0:2222"}
    found = but(settings={"root": {**SETTINGS, **where}})
    for others, failures in (({"port": "22"}, 1), ({}, 0)):
        done = run(
            people,
            partial(Wanted, tuple(ACCOUNTS), SETTINGS, others),
            lambda: None,
            facts={Access: found},
        )
        assert len(done.commands) == failures
    assert "sshd for everybody: listenaddress 0.0.0.0:2222 -> port 22 alone" in drift(
        found, Wanted(tuple(ACCOUNTS), SETTINGS, {"port": "22"})
    )


def test_while_sshd_has_other_settings_no_key_goes_and_the_run_fails() -> None:
    other = {**SETTINGS, "permitrootlogin": "yes"}
    found = but(strays={"/root/.ssh/authorized_keys": ROGUE}, settings={"root": other})
    done = apply(found, accounts=ACCOUNTS[:1])
    assert "for everybody: permitrootlogin yes -> no" in done.failure
    closing = scripts(done)[0]
    assert "shut web-hypha-1 1001" in closing and "/root/.ssh" not in closing


@pytest.mark.parametrize(
    ("option", "value"), [("allowusers", "vagrant ops-hypha-1"), ("denygroups", "coop-people")]
)
def test_whom_another_file_shuts_out_is_told_before_a_reload_does_it(
    option: str, value: str
) -> None:
    """sshd has not read the file yet. After a reload only the operator would get in."""
    settings = {user: {**SETTINGS, option: value} for user in CONVERGED.settings}
    found = but(settings=settings, reloaded=False)
    wanted = Wanted(tuple(ACCOUNTS), SETTINGS, others={option: ""})
    done = run(people, lambda: wanted, lambda: None, facts={Access: found})
    assert f"for everybody: {option} {value} -> (sshd -T says nothing)" in done.failure
    assert len(done.commands) == 1 and "reload" not in str(done.commands)
    assert f"sshd for everybody: {option} {value} -> (sshd -T says nothing)" in drift(found, wanted)
    assert drift(CONVERGED, wanted) == []


def test_the_same_difference_of_many_is_said_once() -> None:
    settings = {user: {**SETTINGS, "usepam": "no"} for user in CONVERGED.settings}
    settings["root"] = {"permitrootlogin": "yes", "usepam": "no"}
    settings["ops-hypha-1"] = {"permitrootlogin": "yes", "usepam": "no"}
    assert apply(but(settings=settings)).failure.splitlines()[1:] == [
        "for root, ops-hypha-1: permitrootlogin yes -> no",
        "for everybody: usepam no -> yes",
    ]


@pytest.mark.parametrize(
    "includes", [(), ("/etc/ssh/others",), ("/etc/ssh/sshd_config.d/5*.conf",)]
)
def test_an_sshd_that_does_not_read_the_settings_is_told_before_anything_is_written(
    includes: tuple[str, ...],
) -> None:
    found = but(files={SSHD: None}, settings={"root": {}}, includes=includes)
    line = "put the line `Include /etc/ssh/sshd_config.d/*.conf` first in /etc/ssh/sshd_config"
    done = apply(found, executing=False)
    assert len(done.commands) == 1 and line in done.failure
    assert done.warned[-1].startswith("will fail: /etc/ssh/sshd_config includes no ")
    told = [text for text in drift(found, WANTED) if "sshd" in text]
    assert [line in text for text in told] == [False, True]
    # An sshd that has the settings has read the file.
    assert apply(but(includes=includes)).commands == []
    for pattern in ("/etc/ssh/sshd_config.d/*", "/etc/ssh/sshd_config.d/*.conf", SSHD):
        assert len(apply(replace(found, includes=(pattern,)), CONVERGED).commands) > 1


def test_a_group_of_power_is_left_by_whatever_way_one_is_in_it(tmp_path: Path) -> None:
    """gpasswd(1) does not know members by their own entry in passwd(5)."""
    (step,) = _leave("eve", but(groups={"disk": {"eve"}}), ("disk",))
    shell, state = Shell(tmp_path), tmp_path / "group"
    state.write_text("disk")
    shell.stand_in("id", f"case $1 in -gn) cat {state} ;; -nG) cat {state} ;; esac")
    shell.stand_in("getent", "exit 2")
    shell.stand_in("groupadd")
    shell.stand_in("gpasswd", "exit 3")
    shell.stand_in("usermod", f"echo eve > {state}")
    assert sh(step.command, shell=shell).returncode == 0
    assert "usermod --gid eve eve" in shell.calls and "groupadd eve" in shell.calls
    # A group that could not be left is no success.
    shell.stand_in("id", "echo disk")
    assert sh(step.command, shell=shell).returncode != 0


def test_a_system_account_with_roots_power_is_told() -> None:
    found = but(
        accounts={"toor": AccountState(0, "/", BASH), "svc": AccountState(999, "/", BASH)},
        groups={"sudo": {"svc"}},
    )
    told = drift(found, WANTED)
    assert "toor has uid 0: it is root by another name" in told
    assert "svc is the system's, and in a group whose members can become root" in told


def test_an_sshd_that_says_nothing_fails_the_run() -> None:
    assert "(sshd -T says nothing)" in apply(but(settings={"root": {}})).failure


def test_what_sshd_has_not_read_is_reloaded_under_the_same_proof() -> None:
    done = apply(but(reloaded=False), CONVERGED)
    assert len(done.commands) == 4 and "reload ssh.service" in scripts(done)[1]


def test_a_name_of_the_systems_is_refused() -> None:
    done = apply(CONVERGED, accounts=[*ACCOUNTS, Account("www-data", False, ())])
    assert "www-data: an account or group of the system's has that name" in done.failure
    # The account's own group would be somebody else's.
    done = apply(but(groups={"staff": set()}), accounts=[*ACCOUNTS, Account("staff", False, ())])
    assert "staff: an account or group of the system's has that name" in done.failure
    assert len(done.commands) == 1


def test_wrong_owner_and_mode_are_repaired() -> None:
    found = but(files={
        f"{KEYS}/ops-hypha-1": file(f"{HEADER}{OPS}\n", owner="ops-hypha-1"),
        SUDOERS: file(f"{HEADER}%coop-admins ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o666),
        KEYS: PathState("directory", 0o777, "root", "root"),
    })  # fmt: skip
    done = apply(found, CONVERGED)
    assert f"{SUDOERS}: root:root 0666 -> root:root 0440" in done.said
    assert f"{KEYS}/ops-hypha-1: ops-hypha-1:root 0644 -> root:root 0644" in done.said
    assert f"{KEYS}: root:root 0777 -> root:root 0755" in done.said


def test_what_others_rule_is_warned_of() -> None:
    web = person(1001, "web-hypha-1", sudo=True)
    match = "/etc/ssh/sshd_config:  Match Address 192.0.2.7"
    done = apply(but(accounts={"web-hypha-1": web}, matches=(match,)))
    assert done.warned == [
        f"{match}: what sshd does under this condition is not looked at",
        "web-hypha-1 is no admin, and may use sudo by a rule that is not of here",
    ]


def test_a_dry_run_tells_everything_at_once() -> None:
    found = but(files={SSHD: None}, strays={"/root/.ssh/authorized_keys": ROGUE})
    done = apply(found, accounts=ACCOUNTS[:1], executing=False, diff=True)
    said = "\n".join(done.said)
    assert f"{SSHD}: absent -> file" in said
    assert "account web-hypha-1: open -> closed" in said
    assert "/root/.ssh/authorized_keys: present -> absent" in said


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("ssh-ed25519 AAAAx me@home", "ssh-ed25519 AAAAx"),
        (WEB, "ssh-ed25519 AAAAweb"),
        ('command="echo a b" ssh-rsa AAAAy', "ssh-rsa AAAAy"),
        (
            'command="/usr/local/bin/gate ssh-ed25519 AAAAother x",restrict ssh-ed25519 AAAAx y',
            "ssh-ed25519 AAAAx",
        ),
        (r'command="say \"a ssh-rsa AAAAz" ssh-rsa AAAAy', "ssh-rsa AAAAy"),
        (r'command="a\\" ssh-rsa AAAAy', ""),
        ("\tno-pty\tssh-rsa\tAAAAy\r", "ssh-rsa AAAAy"),
        ("ssh-rsa\u3000AAAAy", ""),
        ('command="ssh-rsa AAAAy', ""),
        ("# ssh-rsa AAAAy", ""),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_the_key_in_a_line(line: str, key: str) -> None:
    assert key_of_line(line) == key


WANTED = Wanted(tuple(ACCOUNTS), SETTINGS)


def test_of_a_converged_host_there_is_no_drift_to_tell() -> None:
    assert drift(CONVERGED, WANTED) == []


def test_drift_is_all_that_a_run_would_change_or_complain_of() -> None:
    found = but(
        files={SSHD: None, f"{KEYS}/mallory": file(ROGUE)},
        accounts={"mallory": person(1005, "mallory")},
        strays={"/root/.ssh/authorized_keys": ROGUE},
        settings={"root": {}},
        reloaded=False,
        login="mallory",
    )
    told = "\n".join(drift(found, WANTED))
    for text in (
        f"{SSHD} is not as wanted",
        f"{KEYS}/mallory: present -> absent",
        "/root/.ssh/authorized_keys: present -> absent",
        "sshd for everybody: usepam (sshd -T says nothing) -> yes",
        "sshd may not have read its configuration",
        "you came as mallory",
    ):
        assert text in told


def test_until_when_a_line_holds() -> None:
    assert expiry(WEB) == "20270701"
    assert expiry(OPS) == ""
    # Neither in a command, nor in a comment.
    assert expiry(rf'command="x \"y\",expiry-time=\"2020\" z",restrict {OPS}') == ""
    assert expiry(f'{OPS} expiry-time="2020"') == ""
    assert expiry(f'restrict,Expiry-Time="2020",command="a, b" {OPS}') == "2020"


MACHINES = 'restrict,command="/usr/bin/python3 -I x" ' + ROGUE


def with_service(key: str, **there: Any) -> Run:
    """A run on a host to which a machine logs in by this key."""
    wanted = Wanted(tuple(ACCOUNTS), SETTINGS, services={"pull": (key,)})
    found = but(accounts={"pull": AccountState(998, "/", "/bin/sh")}, **there)
    return run(people, lambda: wanted, lambda: None, facts={Access: found})


def test_a_machines_key_is_left_where_it_is() -> None:
    done = with_service(MACHINES, files={f"{KEYS}/pull": file(f"{HEADER}{MACHINES}\n")})
    assert (done.commands, done.said) == ([], [])


def test_a_machines_key_is_written_and_one_that_is_gone_ends_what_came_by_it() -> None:
    done = with_service(MACHINES, files={f"{KEYS}/pull": None})
    assert f"{KEYS}/pull: absent -> file root:root 0644, 2 lines" in done.said
    done = with_service(OPS, files={f"{KEYS}/pull": file(f"{HEADER}{MACHINES}\n")})
    assert "account pull: a key is gone, so its sessions end" in done.said
    assert "end_sessions 998" in scripts(done)[-1]
