"""Who can log in by SSH: exactly these people, by these keys, under these settings of sshd.

Sources: sshd(8), sshd_config(5), usermod(8), sudoers(5), pam_systemd(8).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from pyinfra import host

from engine import undo
from engine.operation import Commands, ask, operation
from engine.report import fail, script, tell, warn
from facts.access import KEYS, Access, AccessState, AccountState
from operations import files
from operations.sessions import END_SESSIONS

PEOPLE, ADMINS = "coop-people", "coop-admins"
# Whoever is in one of these can become root: no place for people who are no admins.
AS_GOOD_AS_ROOT = ("sudo", "docker", "lxd", "disk")
ROOTS = (ADMINS, *AS_GOOD_AS_ROOT)

SUDOERS = "/etc/sudoers.d/coop-infra"
# The first value that sshd finds counts, so this one comes before what a provider left there.
SSHD = "/etc/ssh/sshd_config.d/00-coop-infra.conf"
HEADER = "# Written as a whole by pyinfra: an edit here is lost.\n"
RELOAD = "systemctl reload ssh.service"
# At a boot it may not run yet.
RELOAD_IF_UP = "systemctl try-reload-or-restart ssh.service"

NOTHING = "(sshd -T says nothing)"
CHANGE = "access"
# The accounts whose sessions are to end, a line each: what they lost is not seen by the next run,
# should this one be cut off meanwhile.
TO_END = "/var/lib/coop-infra/sessions-to-end"


@dataclass(frozen=True)
class Account:
    """A person's account: admin may use sudo without a password; keys: lines of authorized_keys."""

    name: str
    admin: bool
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """Who should get in.

    settings: sshd's options in small letters, with the values that `sshd -T` prints
    others: the same, of options that it must have and that are not set here; "" for one that must
        not be set at all
    services: the accounts that machines come by, each with its lines of authorized_keys; the
        accounts themselves are made by whoever needs them
    """

    accounts: tuple[Account, ...]
    settings: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def judged(self) -> Mapping[str, str]:
        """All that sshd must have."""
        return {**self.settings, **self.others}

    @property
    def entries(self) -> list[files.Entry]:
        """The files of it all."""
        values = "".join(f"{name} {value}\n" for name, value in self.settings.items())
        return [
            files.Directory(KEYS),
            *(_key_file(account.name, account.keys) for account in self.accounts),
            *(_key_file(name, keys) for name, keys in self.services.items()),
            files.File(SUDOERS, f"{HEADER}%{ADMINS} ALL=(ALL:ALL) NOPASSWD: ALL\n", mode=0o440),
            files.File(SSHD, HEADER + values),
        ]

    @property
    def question(self) -> dict[str, Any]:
        """The arguments of the fact Access that answers to it."""
        paths = [entry.path for entry in self.entries]
        return {
            # Each account has a group of its own name.
            "groups": [PEOPLE, *ROOTS, *(account.name for account in self.accounts)],
            # Those below KEYS it reads in any case.
            "files": [
                *(it for it in paths if not it.startswith(KEYS)),
                undo.directory(CHANGE),
                TO_END,
            ],
            "options": [*self.judged, "listenaddress"],
        }


def _key_file(account: str, keys: Iterable[str]) -> files.File:
    # Sshd reads the keys as the person: the file is root's, and everybody may read it.
    return files.File(f"{KEYS}/{account}", HEADER + "".join(f"{it}\n" for it in keys))


@dataclass(frozen=True)
class Step:
    """One change: what a person reads, and the line of POSIX sh that makes it."""

    text: str
    command: str


@operation()
def people(wanted: Callable[[], Wanted], prove: Callable[[], None]) -> Commands:
    """These people can log in by these keys, sshd has these settings, and nobody else gets in.

    wanted: gives them, once the keys of other hosts are known
    prove: raises an exception if the operator cannot log in anew. It is called when the change is
        in force; if it fails or never ends, the host undoes the change.

    Whoever is not among them is closed out: the account expires, its sessions and processes end,
    its keys go; home and files stay, with their owner. Sessions of whoever loses a key or is no
    admin any more end too, but for the one of the run itself. Keys in any other place are told and
    removed, root's included. Never touches the account of a service, which has a small uid or no
    login shell, but for such keys.
    """
    want = wanted()
    now = yield from undo.looked(CHANGE, Access, **want.question)
    wrong = files.differing(want.entries, now.files)
    if reason := (
        _names_of_the_system(now, want.accounts)
        or files.refusal(wrong, now.files)
        or _set_elsewhere(now, want.others)
    ):
        yield fail(reason)
        return
    opening, ends = list(_open(now, want.accounts)), _ends(now, want)
    closing, strays = [*_close(now, want), *ends.values()], list(_remove_strays(now))
    for entry in wrong:
        files.explain(entry, now.files.get(entry.path))
    for step in (*opening, *closing, *strays):
        tell(step.text)
    for text in _left_by_others(now, want.accounts):
        warn(text)
    if opening or wrong or not now.reloaded:
        written = [entry.path for entry in wrong if isinstance(entry, files.File)]
        change = [*([files.write(wrong)] if wrong else []), script("sshd -t", RELOAD)]
        yield from undo.unless_proven(
            CHANGE,
            change,
            prove,
            files=written,
            then=[RELOAD_IF_UP, f"rm -f {TO_END}"],
            before=[*_commands(opening), *_note(ends)],
        )
        now = yield from ask(Access, **want.question)
    # Under other settings the strays may be the keys by which the operator came.
    other = list(_other_settings(now, want.judged))
    if last := [*closing, *([] if other else strays)]:
        # One that fails, as a process of theirs does not end, keeps nobody else's from being done.
        each = [f"{{ {step.command}; }} || failed=yes" for step in last]
        end = f'[ -z "$failed" ]; rm -f {TO_END}'
        yield script(END_SESSIONS, *_note(ends), "failed=", *each, end)
    if other:
        yield fail("\n".join([f"what stands elsewhere than in {SSHD} goes before it:", *other]))
    elif not (opening or wrong or last):
        host.noop(f"{len(want.accounts)} people can log in, and nobody else")


def _note(names: Iterable[str]) -> list[str]:
    words = " ".join(map(quote, names))
    place = f"mkdir -p {TO_END.rpartition('/')[0]}"
    return [f"{place}; printf '%s\\n' {words} > {TO_END}; sync {TO_END}"] if words else []


def _commands(steps: Sequence[Step]) -> list[str]:
    return [step.command for step in steps]


def drift(now: AccessState, wanted: Wanted) -> list[str]:
    """What `people` would change or complain of, for a person to read."""
    steps = [
        *_open(now, wanted.accounts),
        *_close(now, wanted),
        *_ends(now, wanted).values(),
        *_remove_strays(now),
    ]
    return [
        *(f"{it.path} is not as wanted" for it in files.differing(wanted.entries, now.files)),
        *(step.text for step in steps),
        *(f"sshd {text}" for text in _other_settings(now, wanted.judged)),
        *([] if now.reloaded else ["sshd has not read its configuration since it changed"]),
        *_left_by_others(now, wanted.accounts),
    ]


def _names_of_the_system(now: AccessState, accounts: Sequence[Account]) -> str | None:
    def is_taken(name: str) -> bool:
        found = now.accounts.get(name)
        return not found.is_persons if found else name in now.groups

    taken = [it.name for it in accounts if is_taken(it.name)]
    if not taken:
        return None
    names = ", ".join(taken)
    return f"{names}: an account or group of the system's has that name; call the person another"


def _set_elsewhere(now: AccessState, others: Mapping[str, str]) -> str | None:
    """What a reload would put in force, or leave there, and no file of here can change."""
    found = list(_other_settings(now, others))
    if not found:
        return None
    return "\n".join(
        ["sshd's configuration has to be put right by hand; nothing was changed:", *found]
    )


def _open(now: AccessState, accounts: Sequence[Account]) -> Iterator[Step]:
    """What gives access, but for the keys."""
    for group in (PEOPLE, ADMINS):
        if group not in now.groups:
            command = f"getent group {group} > /dev/null || groupadd --system {group}"
            yield Step(f"group {group}: absent -> present", command)
    for account in accounts:
        name, found = quote(account.name), now.accounts.get(account.name)
        who = f"account {account.name}"
        if found is None:
            yield Step(f"{who}: absent -> present", f"useradd -m --shell /bin/bash {name}")
        elif found.expires is not None or not found.has_shell:
            command = f"usermod --expiredate '' --shell /bin/bash {name}"
            yield Step(f"{who}: closed -> open", command)
        for group in (PEOPLE, *([ADMINS] if account.admin else [])):
            if account.name not in now.groups.get(group, ()):
                command = f"gpasswd --add {name} {group} > /dev/null"
                yield Step(f"{who}: not in {group} -> in it", command)


def _close(now: AccessState, wanted: Wanted) -> Iterator[Step]:
    """What takes access away."""
    people = {account.name: account for account in wanted.accounts}
    known = {entry.path for entry in wanted.entries}
    for path in sorted(now.files):
        if path.startswith(f"{KEYS}/") and path not in known:
            yield Step(f"{path}: present -> absent", f"rm -rf -- {quote(path)}")
    for account in wanted.accounts:
        if not account.admin:
            yield from _leave(account.name, now, ROOTS)
    for name, found in sorted(now.accounts.items()):
        # Without its account the run that came by it would lose sudo.
        if name not in people and name != now.login and _is_open(name, found, now):
            yield from _close_account(name, found, now)


def _ends(now: AccessState, wanted: Wanted) -> dict[str, Step]:
    """By account, what ends the sessions of those who have lost something, and stay."""
    people = {account.name: account for account in wanted.accounts}
    keys = {**wanted.services, **{account.name: account.keys for account in wanted.accounts}}
    noted = now.files.get(TO_END)
    left = ((noted.content or b"") if noted else b"").decode(errors="replace").split()
    found = {}
    for name, account in sorted(now.accounts.items()):
        person = people.get(name)
        if person is None and _is_open(name, account, now):
            continue
        if _lost_keys(name, account, now, keys.get(name, ())):
            why = "a key is gone"
        elif person and not person.admin and any(name in now.groups.get(it, ()) for it in ROOTS):
            # Who is in a group stays in it as long as the session lasts.
            why = "no admin any more"
        elif name in left:
            why = "left over from a run that was cut off"
        else:
            continue
        end = "end_all" if person else "end_sessions"
        found[name] = Step(f"account {name}: {why}, so its sessions end", f"{end} {account.uid}")
    return found


def _is_open(name: str, account: AccountState, now: AccessState) -> bool:
    """Whether it is or was a person's, and was not closed yet."""
    return account.is_persons and (account.has_shell or name in now.groups.get(PEOPLE, ()))


def _close_account(name: str, account: AccountState, now: AccessState) -> Iterator[Step]:
    # What shows that it is due comes last, so that a run that was cut off is finished by the next.
    commands = (
        f"usermod --expiredate 1 {quote(name)}",
        f"end_all {account.uid}",
        f"usermod --shell /usr/sbin/nologin {quote(name)}",
    )
    text = f"account {name}: open -> closed, and all of its sessions and processes end"
    yield Step(text, " && ".join(commands))
    yield from _leave(name, now, (*ROOTS, PEOPLE))


def _leave(name: str, now: AccessState, groups: Sequence[str]) -> Iterator[Step]:
    for group in groups:
        if name in now.groups.get(group, ()):
            who = quote(name)
            # It may be in there by its own entry in passwd(5), by the group's, or by both.
            command = (
                f'{{ [ "$(id -gn {who})" != {group} ] || {{ getent group {who} > /dev/null || '
                f"groupadd {who}; usermod --gid {who} {who}; }}; }} && "
                f"{{ gpasswd --delete {who} {group} > /dev/null 2>&1 || :; }} && "
                f"! id -nG {who} | tr ' ' '\\n' | grep -q -x {group}"
            )
            yield Step(f"account {name}: in {group} -> not in it", command)


def _lost_keys(name: str, found: AccountState, now: AccessState, keys: Sequence[str]) -> set[str]:
    """The keys that are in one of its files, and are none of those that will be accepted."""
    central = now.files.get(f"{KEYS}/{name}")
    texts = [(central.content or b"").decode(errors="replace")] if central else []
    texts += [text for path, text in now.strays.items() if path.startswith(f"{found.home}/.ssh/")]
    had = {bare(line) for text in texts for line in text.splitlines()} - {""}
    return had - {bare(line) for line in keys}


def _remove_strays(now: AccessState) -> Iterator[Step]:
    for path, text in sorted(now.strays.items()):
        keys = [key for line in text.splitlines() if (key := bare(line))]
        named = ", ".join(f"{key[:24]}...{key[-12:]}" for key in keys) or "no key"
        yield Step(f"{path}: present -> absent, with {named}", f"rm -f -- {quote(path)}")


def bare(line: str) -> str:
    """The key in a line of authorized_keys, without options and comment; "" if there is none."""
    words = "" if line.lstrip().startswith("#") else line
    pairs = zip(words.split(), words.split()[1:], strict=False)
    return next((f"{kind} {blob}" for kind, blob in pairs if blob.startswith("AAAA")), "")


def expiry(line: str) -> str:
    """Until when a line of authorized_keys holds, as it is written there; "" for ever."""
    found = re.search(r'expiry-time="([^"]*)"', line)
    return found[1] if found else ""


def _other_settings(now: AccessState, settings: Mapping[str, str]) -> Iterator[str]:
    for user, found in now.settings.items():
        for name, value in settings.items():
            if found.get(name, "") != value:
                yield f"for {user}: {name} {found.get(name) or NOTHING} -> {value or NOTHING}"
        # A port of its own for one address is in no line of `port`.
        for where in found.get("listenaddress", "").split():
            if "port" in settings and where.rpartition(":")[2] != settings["port"]:
                yield f"for {user}: listenaddress {where} -> port {settings['port']} alone"


def _left_by_others(now: AccessState, accounts: Sequence[Account]) -> Iterator[str]:
    """What opens more than it should and is not for a run to change."""
    login = now.accounts.get(now.login)
    if now.login not in [it.name for it in accounts] and login and _is_open(now.login, login, now):
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
