"""Local users that services run as."""

from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from engine.operation import Commands, ask, operation
from engine.report import fail, tell
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


def _add(who: str, uid: int | None, options: str) -> StringCommand:
    if uid is None:
        return StringCommand(f"useradd --system --user-group --no-create-home {options} {who}")
    return StringCommand(
        f"set -e; getent group {who} >/dev/null || groupadd --gid {uid} {who}; "
        f"useradd --uid {uid} --gid {uid} --no-create-home {options} {who}"
    )
