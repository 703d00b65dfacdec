"""Hands escrowed master keys over to a host that restores on trial, in the host's memory alone."""

from collections.abc import Mapping
from pathlib import Path

from pyinfra import host, state

from engine.operation import Commands, ask, operation
from engine.report import warn
from facts.files import Paths
from operations.escrow import Escrow
from operations.files import Directory, File, differing, explain, write


@operation()
def handed_over(directory: str, escrows: Mapping[str, Path]) -> Commands:
    """The master key of each escrow that has one is in directory/NAME/masterkey, root's alone.

    directory: in memory, for example below /run: a reboot ends what is there
    escrows: {NAME: the operator's directory for it}: operations.escrow

    Warns about a key that is not escrowed yet, and leaves what the host has of it.
    """
    kept = {name: Escrow(path).master_key for name, path in escrows.items()}
    keys = [
        File(f"{directory}/{name}/masterkey", f"{key}\n", 0o600, secret=True)
        for name, key in kept.items()
        if key
    ]
    rooms = [Directory(path, 0o700) for path in (directory, *(f"{directory}/{it}" for it in kept))]
    now = yield from ask(Paths, paths=[it.path for it in rooms], secrets=[it.path for it in keys])
    # Before a run executes, a key may be missing that the same run will escrow.
    if state.is_executing:
        for name in [name for name, key in kept.items() if key is None]:
            warn(f"{escrows[name]} has no master key: {name} cannot be restored on trial")
    wrong = differing([*rooms, *keys], now)
    if not wrong:
        host.noop("the keys are there")
        return
    for entry in wrong:
        explain(entry, now.get(entry.path))
    yield write(wrong)
