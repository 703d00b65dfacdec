"""Hands escrowed master keys over to a host that restores on trial, in the host's memory alone."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from shlex import quote

from pyinfra import host, state

from engine.operation import Commands, ask, operation
from engine.report import script, tell, warn
from facts.secret_trees import SecretTree
from operations.escrow import Escrow
from operations.files import Directory, File, differing, explain, write


@operation()
def handed_over(directory: str, escrows: Mapping[str, Path]) -> Commands:
    """The master key of each escrow that has one is in directory/NAME/masterkey, root's alone.

    directory: in memory, for example below /run: a reboot ends what is there
    escrows: {NAME: the operator's directory for it}: operations.escrow

    Warns about a key that is not escrowed yet, and leaves what the host has of it. Withdraws each
    key whose name is not among the escrows: whoever is root on the host could go on reading copies
    of a volume that the data no longer has. The key stays in escrow.
    """
    kept = {name: Escrow(path).master_key for name, path in escrows.items()}
    keys = [
        File(f"{directory}/{name}/masterkey", f"{key}\n", 0o600, secret=True)
        for name, key in kept.items()
        if key
    ]
    paths = [directory, *(f"{directory}/{it}" for it in kept)] if kept else []
    rooms = [Directory(path, 0o700) for path in paths]
    now = yield from ask(SecretTree, directory=directory)
    # Before a run executes, a key may be missing that the same run will escrow.
    if state.is_executing:
        for name in [name for name, key in kept.items() if key is None]:
            warn(f"{escrows[name]} has no master key: {name} cannot be restored on trial")
    wrong = differing([*rooms, *keys], now)
    left = [
        path
        for path in sorted(now)
        if str(PurePosixPath(path).parent) == directory and path not in paths
    ]
    if not wrong and not left:
        host.noop("the keys are there, and no others")
        return
    if left:
        for path in left:
            tell(f"{path}: no such encrypted volume is declared, its key -> withdrawn")
        yield script(f"rm -rf -- {' '.join(map(quote, left))}")
    for entry in wrong:
        explain(entry, now.get(entry.path))
    if wrong:
        yield write(wrong)
