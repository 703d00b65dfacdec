"""A table of nftables. Never touches the tables of others (ufw, Docker) beside it.

Source: nft(8). The code avoids these traps. `nft -c` passes a rule that names an interface which
does not exist. nftables 1.0.6 does not know `destroy table`. When nftables.service stops, it takes
everybody's tables away.
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

# One for the whole run: once a host has failed, no other host begins.
_turns = Turns()


@dataclass(frozen=True)
class Closed:
    """A table that also closes what may still be in use.

    text: of the table
    hindrance: says what is in use and would be cut off, and what to do; None if nothing is in use
    prove: raises an exception if the operator does not get in, or if what it closes is open
    """

    text: str
    hindrance: Callable[[], str | None]
    prove: Callable[[], None]


@operation()
def table(
    table: str, file: str, text: str, prove: Callable[[], None], closed: Closed | None = None
) -> Commands:
    """The table of the family inet is in force as its text says, and in the file for the next boot.

    text: as for `nft -f`; it has to replace the whole table of that name
    prove: raises an exception if the operator is locked out
    closed: what the table should be as soon as nothing hinders that. Until then a table that is
        there stays as it is, and a table that is not there is made as `text`. The operation never
        opens again what is closed

    If the change is not proven, the host undoes it after undo.PROOF_SECONDS. Hosts change in turns,
    and hosts with the same text are of one kind: once the change fails on one host, the hosts that
    have not begun stay as they are, and fail. Never touches another table.
    """
    texts = [text, *([closed.text] if closed else [])]
    paths = [file, undo.directory(table)]
    now = yield from undo.looked(table, Table, table=table, texts=texts, paths=paths)
    # In a dry run the package of nft may not be installed yet.
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
    """The change, which does not begin before it is the host's turn."""
    # Without -y pyinfra runs this code once more, for its preview, before it changes any host.
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
        # In `finally`, because pyinfra drops the rest of the generator when a command fails.
        _turns.end(host.name, proven)


def _change(table: str, file: str, want: Closed, now: TableState, listed: str) -> Commands:
    # A hindrance may have come up while the host waited for its turn.
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
    """Lines that put the table in force as it is now, or take it away if there is none now."""
    return [
        "nft -f - <<'END-OF-TABLE'",
        f"table inet {table}",
        f"delete table inet {table}",
        *live.splitlines(),
        "END-OF-TABLE",
    ]
