"""The steps from who gets in to who should: open and close accounts, end sessions, remove keys.

Sources: useradd(8), usermod(8), chage(1), gpasswd(1), passwd(5), shadow(5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from shlex import quote

from facts.access import KEYS, AccessState, AccountState
from operations.access.authorized_keys import key_of_line
from operations.access.wanted import ADMINS, PEOPLE, ROOTS, TO_END, Account, Wanted

# People's passwords never grow old, whatever login.defs(5) and useradd(8) have for new accounts.
# Their numbers stay below those of volumes: useradd takes the highest of all, and adds one.
USERADD = "useradd -K UID_MAX=19999 -K GID_MAX=19999 -K PASS_MAX_DAYS=-1 --inactive -1"
# The day from which nobody can use an account that a run has closed: shadow(5) takes 0 for never.
CLOSED = 1
NO_ADMIN = "no admin any more"


@dataclass(frozen=True)
class Step:
    """One change: what a person reads, and the line of POSIX sh that makes it."""

    text: str
    command: str


def opening(now: AccessState, accounts: Sequence[Account]) -> Iterator[Step]:
    """The steps that give access, without the keys."""
    for group in (PEOPLE, ADMINS):
        if group not in now.groups:
            command = f"getent group {group} > /dev/null || groupadd --system {group}"
            yield Step(f"group {group}: absent -> present", command)
    for account in accounts:
        name, found = quote(account.name), now.accounts.get(account.name)
        who = f"account {account.name}"
        # The host's own clock ends it too, whether or not a run comes.
        ends = "--expiredate " + ("''" if account.ends is None else str(account.ends))
        if found is None:
            yield Step(f"{who}: absent -> present", f"{USERADD} {ends} -m --shell /bin/bash {name}")
        elif found.expires != account.ends or not found.has_shell:
            command = f"usermod {ends} --shell /bin/bash {name}"
            text = f"{who}: closed -> open"
            if found.has_shell and account.ends is not None and found.expires != CLOSED:
                before = "never" if found.expires is None else f"after {day(found.expires - 1)}"
                text = f"{who}: ends {before} -> ends after {day(account.ends - 1)}"
            if not found.has_shell:
                # Whoever had the account before may have been somebody else.
                named = _named(account.name, found)
                command = f"take_away {named} && put_aside {named} && {command}"
                text += f", with the files in {found.home}{_taken(account.name, now)}"
            yield Step(text, command)
        elif found.shell in now.unusable_shells:
            text = f"{who}: shell {found.shell}, which is no program -> /bin/bash"
            yield Step(text, f"usermod --shell /bin/bash {name}")
        if found and found.ages is not None:
            since = f"after {day(found.ages - 1)}" if found.ages else "at once"
            # PAM refuses a login by key too if a password is too old that nobody has: shadow(5).
            change = "" if found.ages else ' -d "$(date -u +%F)"'
            text = f"{who}: has to change its password {since} -> never"
            yield Step(text, f"chage -M -1 -I -1{change} {name}")
        for group in (PEOPLE, *([ADMINS] if account.admin else [])):
            if account.name not in now.groups.get(group, ()):
                command = f"gpasswd --add {name} {group} > /dev/null"
                yield Step(f"{who}: not in {group} -> in it", command)


def closing(now: AccessState, wanted: Wanted) -> Iterator[Step]:
    """The steps that take access away."""
    people = {account.name: account for account in wanted.accounts}
    known = {entry.path for entry in wanted.entries}
    for path in sorted(now.files):
        if path.startswith(f"{KEYS}/") and path not in known:
            yield Step(f"{path}: present -> absent", f"rm -rf -- {quote(path)}")
    for account in wanted.accounts:
        if not account.admin:
            yield from _leave(account.name, now, ROOTS)
    for name, found in sorted(now.accounts.items()):
        # Without the account by which the run itself came, the run would lose sudo.
        if name in people or name == now.login:
            continue
        if is_open(name, found, now):
            yield from _close_account(name, found, now)
        elif is_closed(found) and now.starts.get(name):
            named = _named(name, found)
            text = f"account {name}: closed{_taken(name, now)}"
            yield Step(text, f"take_away {named} && put_aside {named}")


def ends(now: AccessState, wanted: Wanted) -> dict[str, Step]:
    """{account: the step that ends its sessions}, where the account stays but loses something."""
    people = {account.name: account for account in wanted.accounts}
    keys = {**wanted.services, **{account.name: account.keys for account in wanted.accounts}}
    noted = now.files.get(TO_END)
    left = ((noted.content or b"") if noted else b"").decode(errors="replace").split()
    found = {}
    for name, account in sorted(now.accounts.items()):
        person = people.get(name)
        if person is None and is_open(name, account, now):
            continue
        if _lost_keys(name, account, now, keys.get(name, ())):
            why = "a key is gone"
        elif person and not person.admin and any(name in now.groups.get(it, ()) for it in ROOTS):
            # A session keeps the groups with which it began.
            why = NO_ADMIN
        elif name in left:
            why = "left over from a run that was cut off"
        else:
            continue
        text = f"account {name}: {why}, so its sessions end"
        if person is None:
            found[name] = Step(text, f"end_sessions {account.uid}")
        elif why == NO_ADMIN:
            found[name] = Step(text, f"end_running {_named(name, account)}")
        else:
            # Whoever had the key may have left something that starts by itself.
            found[name] = Step(f"{text}{_taken(name, now)}", f"end_account {_named(name, account)}")
    return found


def day(number: int) -> str:
    """The day that is so many days after 1970-01-01, as 2027-06-30."""
    return str(date(1970, 1, 1) + timedelta(days=number))


def number(day: date) -> int:
    """How many days it is after 1970-01-01, as shadow(5) counts them."""
    return (day - date(1970, 1, 1)).days


def is_open(name: str, account: AccountState, now: AccessState) -> bool:
    """Whether the account is or was a person's, and is not closed yet."""
    return account.is_persons and (account.has_shell or name in now.groups.get(PEOPLE, ()))


def is_closed(account: AccountState) -> bool:
    """Whether a run has closed the account."""
    return account.is_persons and account.expires == CLOSED and not account.has_shell


def _named(name: str, account: AccountState) -> str:
    """The account as the functions of END_SESSIONS take it."""
    return f"{quote(name)} {account.uid} {quote(account.home)}"


def _taken(name: str, now: AccessState) -> str:
    return "".join(f"; {path}: present -> taken away" for path in now.starts.get(name, ()))


def _close_account(name: str, account: AccountState, now: AccessState) -> Iterator[Step]:
    # The shell and the groups show that the account is to be closed. They come last, so that the
    # next run finishes a run that was cut off.
    command = f"shut {_named(name, account)} && usermod --shell /usr/sbin/nologin {quote(name)}"
    others = sorted(it for it, its in now.accounts.items() if its.uid == account.uid and it != name)
    ends = f"all sessions and processes of {' and '.join([name, *others])} end"
    yield Step(f"account {name}: open -> closed, and {ends}{_taken(name, now)}", command)
    yield from _leave(name, now, (*ROOTS, PEOPLE))


def _leave(name: str, now: AccessState, groups: Sequence[str]) -> Iterator[Step]:
    for group in groups:
        if name in now.groups.get(group, ()):
            who = quote(name)
            # The account may be in the group by passwd(5), by group(5), or by both.
            command = (
                f'{{ [ "$(id -gn {who})" != {group} ] || {{ getent group {who} > /dev/null || '
                f"groupadd {who}; usermod --gid {who} {who}; }}; }} && "
                f"{{ gpasswd --delete {who} {group} > /dev/null 2>&1 || :; }} && "
                f"! id -nG {who} | tr ' ' '\\n' | grep -q -x {group}"
            )
            yield Step(f"account {name}: in {group} -> not in it", command)


def _lost_keys(name: str, found: AccountState, now: AccessState, keys: Sequence[str]) -> set[str]:
    """The keys in the account's files that sshd will not accept any more."""
    central = now.files.get(f"{KEYS}/{name}")
    texts = [(central.content or b"").decode(errors="replace")] if central else []
    texts += [text for path, text in now.strays.items() if path.startswith(f"{found.home}/.ssh/")]
    had = {key_of_line(line) for text in texts for line in text.splitlines()} - {""}
    return had - {key_of_line(line) for line in keys}


def strays(now: AccessState) -> Iterator[Step]:
    """The steps that remove files with keys from homes, by operations.parties.GONE."""
    for path, text in sorted(now.strays.items()):
        keys = [key for line in text.splitlines() if (key := key_of_line(line))]
        named = ", ".join(f"{key[:24]}...{key[-12:]}" for key in keys) or "no key"
        named = now.unread.get(path, named)
        yield Step(f"{path}: present -> absent, with {named}", f"gone {quote(path)}")
