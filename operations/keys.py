"""Key pairs that a host makes for itself: the private half stays, the public half is stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from shlex import quote
from typing import Any

from pyinfra import host, logger
from pyinfra.api import FunctionCommand, StringCommand

from engine.operation import Commands, operation
from engine.report import script, tell
from operations.parties import alone_in, in_name_of


@dataclass(frozen=True)
class Pair:
    """A key pair on a host.

    file: of the private half
    make: a line of POSIX sh that writes a new private half to the file "$new"
    public: a line that prints the public half of "$file" as one line
    owner: of the file; makes and reads the key. The directory of an owner other than root is there
        already, and is the owner's
    """

    file: str
    make: str
    public: str
    owner: str = "root"


@operation()
def own(pair: Pair, known: Mapping[str, str], store: Callable[[str], None]) -> Commands:
    """The host has a private key of its own, and its public half is stored.

    known: the public halves that are stored, by host; the operation asks these hosts nothing
    store: called with the public half if none is stored yet; if it raises ValueError, the host
        fails

    The host makes the private half, and nobody else has it. The private half is never replaced.

    Example::

        keys.own(
            name="Key",
            pair=wireguard.pair("wg0"),
            known=this_fleet().vpn_keys.load(),
            store=lambda key: this_fleet().vpn_keys.store(host.name, key),
        )
    """
    if host.name in known:
        host.noop("its public key is stored")
        return
    tell(f"{pair.file}: its public half -> stored, made first if there is none")
    yield _make(pair)
    yield FunctionCommand(_store, (pair, store), {})


def _make(pair: Pair) -> StringCommand:
    directory = str(PurePosixPath(pair.file).parent)
    lines = [
        f"file={quote(pair.file)}; new=$file.new",
        f"[ -d {quote(directory)} ] || mkdir -p -m 700 {quote(directory)}",
        *alone_in(directory),
        # Another operator's run may have made it while this one waited, and has stored it.
        'if [ ! -s "$file" ]; then',
        '  rm -f "$new" "$new.pub"',
        f"  {pair.make}",
        '  sync "$new"; mv -f -T "$new" "$file"; sync -f "$file"',
        "fi",
    ]
    return script(in_name_of(pair.owner, "\n".join(lines)))


def _store(state: Any, host: Any, pair: Pair, store: Callable[[str], None]) -> bool:
    """Reads the public half from the host, once the key is there, and calls store with it."""
    command = StringCommand(in_name_of(pair.owner, f"file={quote(pair.file)}; {pair.public}"))
    ok, output = host.run_shell_command(command, _sudo=True)
    lines = output.stdout_lines if ok else []
    try:
        if len(lines) != 1:
            raise ValueError(f"{pair.file} holds no private key; it is left as it is")
        store(lines[0])
    except ValueError as error:
        host.log_styled(str(error), fg="red", log_func=logger.error)
        return False
    return True
