"""A table of nftables of its own, beside those of others (ufw, Docker), which it never touches.

Source: nft(8). Traps that are guarded against here: `nft -c` passes a rule that names an interface
which does not exist; `destroy table` is not known to nftables 1.0.6; stopping nftables.service
takes away the tables of everybody.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from pyinfra import host, state
from pyinfra.api import FunctionCommand, StringCommand

from facts.nftables import Table, TableState
from operations import files, undo
from operations.report import diff, fail, operation, script, tell, warn

Commands = Generator[StringCommand | FunctionCommand, None, None]

# The hosts on which this run has begun a change, so that it goes no further once one has failed.
_begun: list[str] = []


@dataclass(frozen=True)
class Closed:
    """The table by which something is closed to where it may be in use from.

    text: of the table
    hindrance: says what is in use and would be cut off, and what to do; None if nothing is
    prove: raises an exception if the operator does not get in, or if it is not closed
    """

    text: str
    hindrance: Callable[[], str | None]
    prove: Callable[[], None]


@operation()
def table(
    table: str, file: str, text: str, prove: Callable[[], None], closed: Closed | None = None
) -> Commands:
    """The table of the family inet is in force as its text says, and in the file for the next boot.

    text: as for `nft -f`, which replaces a table of that name by one with the same content
    prove: raises an exception if the operator is locked out
    closed: what the table should be as soon as there is no hindrance. Until then it is left as it
        is, or is made as `text` if it is not there. What is closed is never opened again.

    Whatever is not proven is undone by the host after undo.PROOF_SECONDS. To be called with
    _serial=True: once it fails on one host, the next ones are left as they are. Never touches
    another table.
    """
    texts = [text, *([closed.text] if closed else [])]
    now = _look(table, file, texts)
    if undo.directory(table) in now.files:
        tell("an earlier change was never confirmed: undone")
        yield script(*undo.now(table))
        now = _look(table, file, texts)
    # Before its package is there, a dry run cannot know.
    if now.installed and not all(now.loaded):
        yield fail(f"nft does not take the table {table}; nothing was changed")
        return
    if closed and not _is(now, 1, file, closed.text) and (hindrance := closed.hindrance()):
        warn(hindrance)
        if now.live and not _is(now, 0, file, text):
            host.noop(f"{table} is left as it is")
            return
        closed = None
    which = 1 if closed else 0
    if _is(now, which, file, texts[which]):
        host.noop(f"{table} is in force")
        return
    if failed := _failed_before():
        yield fail(f"left as it was, as {', '.join(failed)} failed")
        return
    _explain(table, file, now, which, texts[which])
    _begun.append(host.name)
    yield from undo.unless_proven(
        table,
        [files.write([files.File(file, texts[which])]), script(f"nft -f {file}")],
        closed.prove if closed else prove,
        files=[file],
        then=_put_back(table, now.live),
    )


def _look(table: str, file: str, texts: list[str]) -> TableState:
    paths = [file, undo.directory(table)]
    return host.get_fact(  # type: ignore[no-any-return]
        Table, table=table, texts=texts, paths=paths
    )


def _is(now: TableState, which: int, file: str, text: str) -> bool:
    entry = files.File(file, text)
    return now.live == now.loaded[which] and not files.differing([entry], now.files)


def _failed_before() -> list[str]:
    failed = {other.name for other in state.failed_hosts}
    return [name for name in _begun if name in failed]


def _explain(table: str, file: str, now: TableState, which: int, text: str) -> None:
    if now.live != now.loaded[which]:
        diff(f"nft list table inet {table}", now.live or None, now.loaded[which])
    for entry in files.differing([files.File(file, text)], now.files):
        files.explain(entry, now.files.get(file))


def _put_back(table: str, live: str) -> list[str]:
    """Lines that put the table in force as it is now, which may be not at all."""
    return [
        "nft -f - <<'END-OF-TABLE'",
        f"table inet {table}",
        f"delete table inet {table}",
        *live.splitlines(),
        "END-OF-TABLE",
    ]
