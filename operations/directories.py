"""Directories whose name follows from the data, and that hold what must not be left behind."""

from shlex import quote

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import fail
from facts.directories import Directories


@operation()
def not_renamed(path: str, start: str, field: str) -> Commands:
    """Fails the host if the directory is not there, and one of its kind with another name is.

    path: of the directory; start: how the names of its kind begin
    field: what the name comes from in the data

    Otherwise a run would make a new and empty directory, and nobody would see what is in the old
    one. Changes nothing.
    """
    parent, _, name = path.rpartition("/")
    others = yield from ask(Directories, path=parent, start=start)
    if name in others or not others:
        host.noop(f"{path} is no new name for another directory")
        return
    one = others[0]
    move = f"mv {quote(f'{parent}/{one}')} {quote(path)}"
    yield fail(
        f"{path} is not there, and {', '.join(map(repr, others))} is: {field} would part them from "
        f"what they hold. Put {field} back, or, if the name is to change, rename the directory on "
        f"the host ({move}) and run again"
    )
