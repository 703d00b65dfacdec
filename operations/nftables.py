"""A table of nftables. Never touches the tables of others (ufw, Docker) beside it.

Source: nft(8). The code avoids these traps. `nft -c` passes a rule that names an interface which
does not exist. nftables 1.0.6 does not know `destroy table`. When nftables.service stops, it takes
everybody's tables away.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

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
class Part:
    """A part of a table, which closes what may still be in use.

    name: for the text and the proof
    rule: what a table, as nft lists it, has with this part and not without
    hindrance: says what is in use and would be cut off, and what to do; None if nothing hinders
    says: what the run says as it closes this all the same; None for nothing
    """

    name: str
    rule: str
    hindrance: Callable[[TableState], str | None]
    says: Callable[[TableState], str | None] = lambda _: None


@operation()
def table(
    table: str,
    file: str,
    text: Callable[[Collection[str]], str],
    prove: Callable[[Collection[str], TableState], None],
    parts: Sequence[Part] = (),
) -> Commands:
    """The table of the family inet is in force as its text says, and in the file for the next boot.

    text: gives the text with the parts of these names, as for `nft -f`; the text has to replace the
        whole table of that name
    prove: raises an exception if the operator is locked out, or if one of these parts is still open
    parts: what the table should have as soon as nothing hinders that. The operation never opens
        again what is closed: while something hinders a part that is closed already, the change
        cannot be proven, and the table stays as it is

    If the change is not proven, the host undoes it after undo.PROOF_SECONDS. Hosts change in turns,
    and hosts with the same text are of one kind: once the change fails on one host, the hosts that
    have not begun stay as they are, and fail. Never touches another table.
    """
    choices = _choices(parts)
    texts = [text([part.name for part in choice]) for choice in choices]
    paths = [file, undo.directory(table)]
    now = yield from undo.looked(table, Table, table=table, texts=texts, paths=paths)
    # None, if the host could not make the namespace in which nft loads them.
    loaded = now.loaded or ("",) * len(texts)
    # In a dry run the package of nft may not be installed yet.
    if now.installed and not all(loaded):
        yield fail(f"nft does not take the table {table}; nothing was changed")
        return

    def in_force(choice: int) -> bool:
        wanted = files.File(file, texts[choice])
        return now.live == loaded[choice] and not files.differing([wanted], now.files)

    # To ask for hindrances takes time, so those of a part that is closed come only if it changes.
    closed = [part for part in parts if part.rule in now.live]
    closing = tuple(part for part in parts if part in closed or not _is_hindered(part, now))
    choice = choices.index(closing)
    if in_force(choice):
        host.noop(f"{table} is in force")
        return
    if any(_is_hindered(part, now) for part in closed):
        host.noop(f"{table} is left as it is")
        return
    for part in closing:
        if part not in closed and (says := part.says(now)):
            warn(says)
    wanted = _Wanted(texts[choice], loaded[choice], closing, prove)
    yield from _in_turn(wanted.text, _change(table, file, wanted, now))


@dataclass(frozen=True)
class _Wanted:
    """The table that the host gets. listed: its text as nft lists it"""

    text: str
    listed: str
    parts: tuple[Part, ...]
    prove: Callable[[Collection[str], TableState], None]


def _is_hindered(part: Part, now: TableState) -> bool:
    """Whether something hinders the part. Warns of it."""
    hindrance = part.hindrance(now)
    if hindrance:
        warn(hindrance)
    return hindrance is not None


def _choices(parts: Sequence[Part]) -> list[tuple[Part, ...]]:
    """All choices of some of the parts, in their order; first that of all parts."""
    sizes = range(len(parts), -1, -1)
    return [choice for size in sizes for choice in combinations(parts, size)]


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


def _change(table: str, file: str, want: _Wanted, now: TableState) -> Commands:
    # A hindrance may have come up while the host waited for its turn.
    if hindrance := next((it for part in want.parts if (it := part.hindrance(now))), None):
        yield fail(hindrance)
        return
    entry = files.File(file, want.text)
    if now.live != want.listed:
        diff(f"nft list table inet {table}", now.live or None, want.listed)
    if files.differing([entry], now.files):
        files.explain(entry, now.files.get(file))
    names = [part.name for part in want.parts]
    yield from undo.unless_proven(
        table,
        [files.write([entry]), script(f"nft -f {file}")],
        lambda: want.prove(names, now),
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
