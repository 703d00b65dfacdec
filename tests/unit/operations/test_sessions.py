"""The script that ends sessions, in a real shell, on processes with uids of their own."""

import subprocess

import pytest

from engine.report import script
from operations.sessions import END_SESSIONS, TAKEN_AWAY
from tests.unit.apart import in_a_world, needs_a_world

pytestmark = needs_a_world

ACTS = """\
act_as() { uid=$1; shift; setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@" & }
alive() { cat /proc/[0-9]*/status 2> /dev/null | grep -q "^Uid:.$1.*" && echo "$1 lives" || true; }
"""

# Each process forks and exits: no list has it. The file changes while the chain lives.
CHAIN = r"""
$SIG{CHLD} = "IGNORE";
while (1) { exit 0 if fork(); open F, ">/tmp/beats-of-" . $>; print F $$; close F; }
"""
# Ends whoever comes with its own uid to end it.
FIGHTER = 'open F, ">/tmp/beats-of-" . $>; print F $$; close F; while (1) { kill "KILL", -1 }'
CHAIN_LIVES = (
    "a=$(cat /tmp/beats-of-$1 2> /dev/null); sleep 0.3; "
    '[ "$a" = "$(cat /tmp/beats-of-$1 2> /dev/null)" ] || echo "$1 lives"'
)


def perform(before: str, *lines: str, after: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the lines after END_SESSIONS as a run would; before and after stand around them."""
    program = script(END_SESSIONS, *lines).connector_arguments["_stdin"]
    here = f"{ACTS}lives() {{ {CHAIN_LIVES}; }}\n{before}\n"
    return in_a_world(f"{here}rc=0; sh -s <<'END' || rc=$?\n{program}END\n{after}\nexit $rc")


def start(uid: int, program: str) -> str:
    """Shell that starts a Perl program as that uid, and waits until it lives."""
    wait = f"until [ -s /tmp/beats-of-{uid} ]; do sleep 0.1; done"
    return f"act_as {uid} perl -e '{program}'; {wait}"


def test_whatever_somebody_runs_ends_and_nobody_elses() -> None:
    done = perform(
        "act_as 5432 sleep 60; act_as 5433 sleep 60; sleep 0.3",
        "end_all 5432",
        after="alive 5432; alive 5433; alive 0 > /dev/null",
    )
    assert (done.returncode, done.stdout) == (0, "5433 lives\n"), done.stderr


def test_a_chain_that_is_in_no_list_ends() -> None:
    done = perform(start(5432, CHAIN), "end_all 5432", after="lives 5432")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert perform(start(5432, CHAIN), "true", after="lives 5432").stdout == "5432 lives\n"


def test_who_ends_whoever_comes_with_its_uid_ends() -> None:
    done = perform(start(5432, FIGHTER), "end_all 5432", after="alive 5432")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_what_runs_by_a_subordinate_uid_ends_and_no_uid_that_somebody_else_may_use() -> None:
    shared = "echo other:20140:50 >> /etc/subuid; echo eve:20200:9 >> /etc/subuid"
    account = "echo mallory:x:20205:20205::/:/bin/sh >> /etc/passwd"
    lone = "echo eve:20300:9 >> /etc/subuid"
    runs = "; ".join(f"act_as {uid} sleep 60" for uid in (20120, 20145, 20205, 20305))
    done = perform(
        f"{shared}; {account}; {lone}; {runs}; sleep 0.3",
        "end_all 5432",
        after="for uid in 20120 20145 20205 20305; do alive $uid; done",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "20120 lives\n20145 lives\n20205 lives\n"


def test_the_session_of_the_run_itself_is_spared() -> None:
    done = perform(
        "act_as 5432 sleep 60; sleep 0.3; export SUDO_UID=5432",
        "end_all 5432",
        after="alive 5432",
    )
    assert (done.returncode, done.stdout) == (0, "5432 lives\n"), done.stderr


def test_a_container_that_uses_the_same_number_is_spared() -> None:
    container = "unshare --pid --fork --kill-child setpriv --reuid 5432 --clear-groups sleep 61 &"
    sleepers = (
        "for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $each; echo; done 2> /dev/null | "
        "grep -x 'sleep 6. ' || true"
    )
    done = perform(f"act_as 5432 sleep 60; {container} sleep 0.3", "end_all 5432", after=sleepers)
    assert (done.returncode, done.stdout) == (0, "sleep 61 \n"), done.stderr
    # By a namespace for users everybody makes containers of their own.
    own = "act_as 5432 unshare --user --map-root-user --pid --fork --kill-child sleep 62; sleep 0.5"
    done = perform(f"{own}; {{ {sleepers}; }} >&2", "end_all 5432", after=sleepers)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "sleep 62" in done.stderr, "no test otherwise"


def test_what_does_not_end_or_begins_anew_is_an_error() -> None:
    anew = "(while :; do setpriv --reuid 5432 --clear-groups sleep 9 || true; done) 2> /dev/null &"
    done = perform(f"{anew} sleep 0.3", "end_all 5432")
    assert done.returncode != 0
    assert "uid 5432 still runs (process, uid, control group): " in done.stderr


def test_who_cannot_act_as_the_uid_does_not_say_that_all_has_ended() -> None:
    done = perform("mkdir /tmp/x; printf '#!/bin/sh\nexit 9' > /tmp/x/perl; chmod 755 /tmp/x/perl; "
                   "export PATH=/tmp/x:$PATH", "end_all 5432")  # fmt: skip
    assert done.returncode != 0


JOBS = """\
cd /var/spool/cron; touch crontabs/eve crontabs/root atjobs/a1 atjobs/a2; cd /
chown 5432 /var/spool/cron/crontabs/eve /var/spool/cron/atjobs/a1; touch /var/lib/systemd/linger/eve
"""


def test_what_starts_without_a_login_is_taken_away_and_kept() -> None:
    done = perform(
        JOBS,
        "take_away eve 5432",
        "take_away eve 5432",
        after=f"cd /var/spool/cron; ls -d */*; cd {TAKEN_AWAY}; stat -c %a .; ls -d */*; "
        "ls /var/lib/systemd/linger",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["atjobs/a2", "crontabs/root", "700", "eve/a1", "eve/eve"]


# Writes what starts anew as soon as it is gone. A spool that all may write to stands for crontab(1)
# and at(1), which are setgid.
THIEF = """\
cd /var/spool/cron; chmod 1777 crontabs atjobs /var/lib/systemd/linger; cd /
act_as 5432 sh -c 'while :; do for it in spool/cron/crontabs/eve spool/cron/atjobs/a1 \
  lib/systemd/linger/eve; do [ -e /var/$it ] || echo evil > /var/$it; done; done'
until [ -e /var/lib/systemd/linger/eve ]; do sleep 0.1; done
"""


@pytest.mark.parametrize("call", ["shut", "end_account"])
def test_what_starts_anew_and_is_put_back_meanwhile_goes_too(call: str) -> None:
    after = "find /var/spool/cron /var/lib/systemd/linger -type f"
    done = perform(THIEF, f"{call} eve 5432 /home/eve", after=after)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    # Whoever shares the session of the run goes on, so that the run has to say so.
    done = perform(f"{THIEF}export SUDO_UID=5432", f"{call} eve 5432 /home/eve")
    assert done.returncode != 0 and "eve would start anew by: " in done.stderr


def test_what_is_still_there_at_the_end_is_an_error() -> None:
    done = perform(JOBS, "take_away() { :; }; shut eve 5432 /home/eve")
    assert done.returncode != 0
    assert "eve would start anew by: " in done.stderr
    assert "/var/spool/cron/crontabs/eve" in done.stderr


def test_units_in_a_home_are_put_aside_by_the_account_itself() -> None:
    units = "/home/eve/.config/systemd"
    done = perform(
        f"mkdir -p {units}/user; chown -R 5432:5432 /home/eve",
        "put_aside eve 5432 /home/eve",
        "put_aside eve 5432 /home/eve",
        after=f"ls {units}.taken-away-*; [ ! -e {units} ]",
    )
    assert done.stdout == "user\n" and done.returncode == 0, done.stderr
    # Root would follow the link.
    foreign = "mkdir -p /opt/x/systemd/user; ln -s /opt/x /home/eve/.config"
    done = perform(f"mount -t tmpfs none /opt; {foreign}", "put_aside eve 5432 /home/eve")
    assert done.returncode != 0 and "Permission denied" in done.stderr


@pytest.mark.parametrize("call", ["end_account", "end_running"])
def test_an_account_that_ends_some_day_still_does(call: str) -> None:
    done = perform(
        "usermod --expiredate 30000 eve",
        f"{call} eve 5432 /home/eve",
        after="getent shadow eve | cut -d : -f 8",
    )
    assert (done.returncode, done.stdout) == (0, "30000\n"), done.stderr


@pytest.mark.parametrize(
    ("call", "expiry"),
    [("shut", "1"), ("end_account", ""), ("end_running", "")],
)
def test_an_account_is_closed_before_anything_of_it_ends(call: str, expiry: str) -> None:
    """The account of the run itself never is, for a run that is cut off would be shut out."""
    once = "setpriv --reuid 5432 --clear-groups sleep 9 || true"
    anew = f"until grep -q '^eve:.*:1:$' /etc/shadow; do {once}; done"
    field = "sed -n 's/^eve:.*:\\([^:]*\\):$/<\\1>/p' /etc/shadow"
    done = perform(f"({anew}) & sleep 0.3", f"{call} eve 5432 /home/eve", after=field)
    assert (done.returncode, done.stdout) == (0, f"<{expiry}>\n"), done.stderr
    if call != "shut":
        done = perform(
            "export SUDO_UID=5432; act_as 5432 sleep 60",
            f"usermod() {{ echo locked; }}; {call} eve 5432 /home/eve",
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
