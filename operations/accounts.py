"""Local users that services run as."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from engine.operation import Commands, ask, operation
from engine.report import fail, script, tell, warn
from facts.accounts import User, Users

FIRST_OF_PEOPLE = 1000
"""The first uid of people. Lower uids are the system's: Debian policy 9.2.2."""


@operation()
def service_user(
    user: str,
    uid: int | None = None,
    home: str = "/nonexistent",
    shell: str = "/usr/sbin/nologin",
) -> Commands:
    """A user without password, with a group of its own. The operation does not make its home.

    uid: of the user and of its group; None for any uid of the system's

    Never renumbers an existing user, because its files would become somebody else's: another uid
    fails the host. So does a person's account, if no uid is wanted.

    Example::

        accounts.service_user(name="User", user="board", uid=20001, home="/var/lib/board")
    """
    found = (yield from ask(Users, names=[user])).get(user)
    if found is None:
        tell(f"user {user}: absent -> {f'uid {uid}' if uid else 'present'}")
        yield _add(quote(user), uid, f"--home-dir {quote(home)} --shell {quote(shell)}")
    elif uid is not None and found.uid != uid:
        yield fail(
            f"user {user} has uid {found.uid}, not {uid}; move its files and delete it first"
        )
    elif uid is None and found.uid >= FIRST_OF_PEOPLE:
        yield fail(f"user {user} is a person's (uid {found.uid}); give that person another name")
    elif (wrong := User(found.uid, home, shell)) != found:
        tell(f"user {user}: {found.home}, {found.shell} -> {wrong.home}, {wrong.shell}")
        yield StringCommand(f"usermod --home {quote(home)} --shell {quote(shell)} {quote(user)}")
    else:
        host.noop(f"user {user} exists")


@dataclass(frozen=True)
class Reserved:
    """A user that a package makes if it is not there, by a number of chance.

    uid: of the user, and of the group of the same name if there is none yet; None for any uid of
        the system's: a package that calls `adduser --system` fails for a higher one
    """

    user: str
    uid: int | None
    home: str
    shell: str = "/usr/sbin/nologin"


@operation()
def reserved(users: Sequence[Reserved]) -> Commands:
    """These users are there with these numbers before the packages that use them come.

    A user that is there stays as it is, because its package has made it and owns its files: warns
    of another uid. The operation makes no home.
    """
    now = yield from ask(Users, names=[it.user for it in users])
    for it in users:
        if it.uid and it.user in now and now[it.user].uid != it.uid:
            warn(
                f"user {it.user} was there before with uid {now[it.user].uid}, and keeps it; on "
                f"other hosts the user has uid {it.uid}"
            )
    missing = [it for it in users if it.user not in now]
    for it in missing:
        tell(f"user {it.user}: absent -> {f'uid {it.uid}' if it.uid else 'present'}")
    if missing:
        yield script(*(line for it in missing for line in _reserve(it)))
    else:
        host.noop("the users are there")


def _reserve(it: Reserved) -> list[str]:
    who = quote(it.user)
    number = f"--gid {it.uid} " if it.uid else "--system "
    kind = f"--uid {it.uid}" if it.uid else "--system"
    return [
        f"getent group {who} >/dev/null || groupadd {number}{who}",
        f"useradd {kind} --gid {who} --no-create-home --home-dir {quote(it.home)} "
        f"--shell {quote(it.shell)} {who}",
    ]


def _add(who: str, uid: int | None, options: str) -> StringCommand:
    if uid is None:
        return StringCommand(f"useradd --system --user-group --no-create-home {options} {who}")
    return StringCommand(
        f"set -e; getent group {who} >/dev/null || groupadd --gid {uid} {who}; "
        f"useradd --uid {uid} --gid {uid} --no-create-home {options} {who}"
    )
