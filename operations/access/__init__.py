"""Who can log in by SSH: exactly these people, by these keys, under these settings of sshd.

Sources: sshd(8), sshd_config(5), usermod(8), sudoers(5), pam(7), pam_systemd(8).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from shlex import quote

from pyinfra import host

from engine import undo
from engine.operation import Commands, ask, operation
from engine.report import fail, script, tell, warn
from facts.access import SSHD_CONFIG, Access, AccessState
from operations import files
from operations.access import steps
from operations.access.refused import hampered, refused
from operations.access.sshd import other_settings, set_elsewhere, unread
from operations.access.steps import is_open
from operations.access.wanted import CHANGE, ROOTS, SSHD, TO_END, Account, Wanted
from operations.parties import GONE
from operations.sessions import END_SESSIONS

RELOAD = "systemctl reload ssh.service"
# With a time that is still to come, a file of sshd's would look unread in each run until that time.
NOT_AHEAD = (
    f"find {SSHD_CONFIG} {SSHD_CONFIG}.d {SSHD_CONFIG}.d/*.conf -maxdepth 0 -newerct now "
    "-exec touch -c -- {} +"
)
# At a boot sshd may not run yet.
RELOAD_IF_UP = "systemctl try-reload-or-restart ssh.service"


@operation()
def people(wanted: Callable[[], Wanted], prove: Callable[[], None]) -> Commands:
    """These people can log in by these keys, sshd has these settings, and nobody else gets in.

    wanted: gives people, keys and settings; called once the keys of other hosts are known
    prove: raises an exception if the operator cannot log in anew. The run calls it when the change
        is in force. If it fails or never ends, the host undoes the change

    Closes the account of any other person: the account expires, its sessions and processes end, its
    keys go, and what would start without a login is moved away (operations/sessions.py). Home and
    files stay, with their owner. If somebody loses a key or is no admin any more, their sessions
    end too, except the session of the run itself; with a key also goes what starts without a
    login, because whoever had the key may have left it. If anything does not end, fails. Tells
    and removes keys in any other place, root's included. Apart from such keys, never touches the
    account of a service, which has a small uid or no login shell.
    """
    want = wanted()
    now = yield from undo.looked(CHANGE, Access, **want.question)
    wrong = files.differing(want.entries, now.files)
    if reason := (
        _names_of_the_system(now, want.accounts)
        or files.refusal(wrong, now.files)
        or unread(now, want.settings)
        or set_elsewhere(now, want.others)
    ):
        yield fail(reason)
        return
    opening, ends = list(steps.opening(now, want.accounts)), steps.ends(now, want)
    closing, strays = [*steps.closing(now, want), *ends.values()], list(steps.strays(now))
    for entry in wrong:
        files.explain(entry, now.files.get(entry.path))
    for step in (*opening, *closing, *strays):
        tell(step.text)
    for text in (*_left_by_others(now, want.accounts), *hampered(now, want)):
        warn(text)
    if opening or wrong or closing or strays:
        for text in refused(now, want):
            # A dry run shows a failure only if nothing else is to be done before.
            warn(text)
    if opening or wrong or not now.reloaded:
        written = [entry.path for entry in wrong if isinstance(entry, files.File)]
        change = [*([files.write(wrong)] if wrong else []), script("sshd -t", NOT_AHEAD, RELOAD)]
        yield from undo.unless_proven(
            CHANGE,
            change,
            prove,
            files=written,
            then=[RELOAD_IF_UP, f"rm -f {TO_END}"],
            before=[END_SESSIONS, *(step.command for step in opening), *_note(ends)],
        )
        now = yield from ask(Access, **want.question)
    # If sshd has other settings, a stray may be the key by which the operator came.
    other = list(other_settings(now, want.judged))
    if last := [*closing, *([] if other else strays)]:
        # If a step fails, because a process does not end, the steps for other people still run.
        each = [f"{{ {step.command}; }} || failed=yes" for step in last]
        end = f'[ -z "$failed" ]; rm -f {TO_END}'
        yield script(END_SESSIONS, GONE, *_note(ends), "failed=", *each, end)
    if other:
        other = [f"what stands elsewhere than in {SSHD} goes before it:", *other]
    if reasons := [*other, *refused(now, want)]:
        yield fail("\n".join(reasons))
    elif not (opening or wrong or last):
        host.noop(f"{len(want.accounts)} people can log in, and nobody else")


def _note(names: Iterable[str]) -> list[str]:
    words = " ".join(map(quote, names))
    if not words:
        return []
    # The names that are there now stay until the new ones are whole: the disk may be full.
    return [
        f"mkdir -p {TO_END.rpartition('/')[0]}",
        f"printf '%s\\n' {words} > {TO_END}.new; sync {TO_END}.new",
        f"mv {TO_END}.new {TO_END}; sync -f {TO_END}",
    ]


def drift(now: AccessState, wanted: Wanted) -> list[str]:
    """What `people` would change or complain about, for a person to read."""
    changes = [
        *steps.opening(now, wanted.accounts),
        *steps.closing(now, wanted),
        *steps.ends(now, wanted).values(),
        *steps.strays(now),
    ]
    return [
        *(f"{it.path} is not as wanted" for it in files.differing(wanted.entries, now.files)),
        *(step.text for step in changes),
        *_sshd_drift(now, wanted),
        *([] if now.reloaded else ["sshd may not have read its configuration since it changed"]),
        *_left_by_others(now, wanted.accounts),
        *hampered(now, wanted),
        *refused(now, wanted),
    ]


def _sshd_drift(now: AccessState, wanted: Wanted) -> list[str]:
    if reason := unread(now, wanted.settings):
        return [reason.removesuffix("; nothing was changed")]
    return [f"sshd {text}" for text in other_settings(now, wanted.judged)]


def _names_of_the_system(now: AccessState, accounts: Sequence[Account]) -> str | None:
    def is_taken(name: str) -> bool:
        found = now.accounts.get(name)
        return not found.is_persons if found else name in now.groups

    taken = [it.name for it in accounts if is_taken(it.name)]
    if not taken:
        return None
    names = ", ".join(taken)
    return f"{names}: an account or group of the system's has that name; call the person another"


def _left_by_others(now: AccessState, accounts: Sequence[Account]) -> Iterator[str]:
    """What may give more access than it should, and is not for a run to change."""
    login = now.accounts.get(now.login)
    if now.login not in [it.name for it in accounts] and login and is_open(now.login, login, now):
        yield f"you came as {now.login}, who is nobody: come as yourself, which closes it"
    for line in now.matches:
        yield f"{line.strip()}: what sshd does under this condition is not looked at"
    powerful = frozenset().union(*(now.groups.get(group, ()) for group in ROOTS))
    for name, system in sorted(now.accounts.items()):
        if name != "root" and system.uid == 0:
            yield f"{name} has uid 0: it is root by another name"
        elif not system.is_persons and name in powerful:
            yield f"{name} is the system's, and in a group whose members can become root"
    for account in accounts:
        found = now.accounts.get(account.name)
        if found and found.sudo and not account.admin and account.name not in powerful:
            yield f"{account.name} is no admin, and may use sudo by a rule that is not of here"
