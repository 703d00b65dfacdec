"""A table of nftables of its own, beside those of others (ufw, Docker), which it never touches.

Source: nft(8). Traps that are guarded against here: `nft -c` passes a rule that names an interface
which does not exist; `destroy table` is not known to nftables 1.0.6; stopping nftables.service
takes away the tables of everybody.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pyinfra import host, state

from engine import undo
from engine.operation import Commands, operation
from engine.report import diff, fail, script, warn
from facts.nftables import Table
from operations import files

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
    paths = [file, undo.directory(table)]
    now = yield from undo.looked(table, Table, table=table, texts=texts, paths=paths)
    # Before its package is there, a dry run cannot know.
    if now.installed and not all(now.loaded):
        yield fail(f"nft does not take the table {table}; nothing was changed")
        return
    listed = dict(zip(texts, now.loaded, strict=True))

    def in_force(text: str) -> bool:
        return now.live == listed[text] and not files.differing([files.File(file, text)], now.files)

    if closed and not in_force(closed.text) and (hindrance := closed.hindrance()):
        warn(hindrance)
        if now.live and not in_force(text):
            host.noop(f"{table} is left as it is")
            return
        closed = None
    if closed:
        text, prove = closed.text, closed.prove
    if in_force(text):
        host.noop(f"{table} is in force")
        return
    if failed := _failed_before():
        yield fail(f"left as it was, as {', '.join(failed)} failed")
        return
    entry = files.File(file, text)
    if now.live != listed[text]:
        diff(f"nft list table inet {table}", now.live or None, listed[text])
    if files.differing([entry], now.files):
        files.explain(entry, now.files.get(file))
    # Without -y pyinfra runs this once before any host is changed.
    if state.is_executing:
        _begun.append(host.name)
    yield from undo.unless_proven(
        table,
        [files.write([entry]), script(f"nft -f {file}")],
        prove,
        files=[file],
        then=_put_back(table, now.live),
    )


def _failed_before() -> list[str]:
    failed = {other.name for other in state.failed_hosts}
    return [name for name in _begun if name in failed]


def _put_back(table: str, live: str) -> list[str]:
    """Lines that put the table in force as it is now, which may be not at all."""
    return [
        "nft -f - <<'END-OF-TABLE'",
        f"table inet {table}",
        f"delete table inet {table}",
        *live.splitlines(),
        "END-OF-TABLE",
    ]
