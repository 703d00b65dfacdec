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
from engine.turns import Turns
from facts.nftables import Table, TableState
from operations import files

# Of this run, so that it goes no further once a host has failed.
_turns = Turns()


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

    Whatever is not proven is undone by the host after undo.PROOF_SECONDS. Hosts change in turns, as
    of one kind those that get the same text: once it fails on one host, those that have not begun
    are left as they are. Never touches another table.
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
    want = closed or Closed(text, lambda: None, prove)
    if in_force(want.text):
        host.noop(f"{table} is in force")
        return
    yield from _in_turn(want.text, _change(table, file, want, now, listed[want.text]))


def _in_turn(kind: str, change: Commands) -> Commands:
    """The change, of which nothing is begun before it is the host's turn."""
    # Without -y pyinfra runs this once before any host is changed.
    if not state.is_executing:
        yield from change
        return
    if reason := _turns.begin(host.name, kind):
        yield fail(f"left as it was, as {reason}")
        return
    proven = False
    try:
        yield from change
        proven = True
    finally:
        # Also if a command has failed: pyinfra drops what would come after it.
        _turns.end(host.name, proven)


def _change(table: str, file: str, want: Closed, now: TableState, listed: str) -> Commands:
    # It may have come up while the host waited for its turn.
    if hindrance := want.hindrance():
        yield fail(hindrance)
        return
    entry = files.File(file, want.text)
    if now.live != listed:
        diff(f"nft list table inet {table}", now.live or None, listed)
    if files.differing([entry], now.files):
        files.explain(entry, now.files.get(file))
    yield from undo.unless_proven(
        table,
        [files.write([entry]), script(f"nft -f {file}")],
        want.prove,
        files=[file],
        then=_put_back(table, now.live),
    )


def _put_back(table: str, live: str) -> list[str]:
    """Lines that put the table in force as it is now, which may be not at all."""
    return [
        "nft -f - <<'END-OF-TABLE'",
        f"table inet {table}",
        f"delete table inet {table}",
        *live.splitlines(),
        "END-OF-TABLE",
    ]
