"""Local users that services run as."""

from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from facts.accounts import Users
from operations.operation import Commands, ask, operation
from operations.report import fail, tell


@operation()
def service_user(user: str, uid: int) -> Commands:
    """A user without login, password or home, whose uid and gid are both `uid`.

    Never renumbers an existing user, whose files would become somebody else's: that fails the host.
    """
    found = (yield from ask(Users, names=[user])).get(user)
    if found == uid:
        host.noop(f"user {user} exists")
        return
    if found is not None:
        yield fail(f"user {user} has uid {found}, not {uid}; move its files and delete it first")
        return
    tell(f"user {user}: absent -> uid {uid}")
    who = quote(user)
    yield StringCommand(
        f"set -e; getent group {who} >/dev/null || groupadd --gid {uid} {who}; "
        f"useradd --uid {uid} --gid {uid} --no-create-home --home-dir /nonexistent "
        f"--shell /usr/sbin/nologin {who}"
    )
