"""The key of a gocryptfs volume in a provider's store: the host has the key, the store has not."""

from pathlib import Path
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from engine.operation import Commands, ask, operation
from engine.report import fail, script, tell
from facts.files import Paths
from operations.escrow import Escrow
from operations.gocryptfs_scripts import directory_of, unpacked
from operations.parties import alone_in


@operation()
def key(config: str, password_file: str, escrow: Path) -> Commands:
    """The host has a gocryptfs config and the password that opens it, and both are escrowed.

    config: its path, outside of the encrypted directory: gocryptfs(1), -config
    password_file: in the directory of the config
    escrow: a directory on the operator's machine that gets the config and the master key

    The host makes a random password, which stays on the host. If the host is lost, the escrowed
    master key opens what it has encrypted. A host without config or password gets both anew by that
    key, and can read everything that it ever encrypted. Never makes a key if a key is escrowed.
    Never replaces a key that differs from the escrowed key: such a key fails the host. A host that
    has both is the source for an escrow that was cut off, and lacks one.
    """
    now = yield from ask(Paths, paths=[config], secrets=[password_file])
    kept = Escrow(escrow)
    here = now[config].content if config in now else None
    has_password = password_file in now
    if here is not None and has_password and here == kept.config:
        host.noop("its key is there, and escrowed")
        return
    if refusal := _refusal(config, here, has_password, kept):
        yield fail(refusal)
        return
    if here is None and kept.config is None:
        tell(f"{config}: absent -> made, with a password that only this host knows")
        yield _make(config, password_file)
    elif here is None or not has_password:
        tell(f"{config}: absent or without its password -> both anew, by the escrowed master key")
        yield _from_escrow(config, password_file, kept)
    tell(f"{config} and its master key -> escrow in {escrow}")
    yield kept.fetch(config, password_file)


def _refusal(config: str, here: bytes | None, has_password: bool, kept: Escrow) -> str | None:
    if here is not None and has_password:
        # Whatever is escrowed, the host has all of it: Escrow.fetch looks whether the keys differ.
        return None
    if here is not None and kept.config not in (None, here):
        return (
            f"{config} differs from the one in {kept.directory}, and its password is gone: one of "
            "the two opens what is in the store. Move the other aside and run again"
        )
    if kept.config is None and kept.exists:
        return (
            f"{kept.directory} has {kept.lack}, and this host lacks {config} or its password: put "
            "the escrowed file back there"
        )
    if kept.config is None and here is not None:
        return (
            f"the password of {config} is gone, and {kept.directory} has no master key: put the "
            f"escrowed files there. If they are lost, so is what it encrypted: rm {config}"
        )
    return None


def _make(config: str, password_file: str) -> StringCommand:
    """Makes config and password, for deterministic names.

    With other names gocryptfs would put a file of its own into each encrypted directory.
    """
    return script(
        *_new_password(config, password_file),
        "empty=$(mktemp -d)",
        'gocryptfs -init -q -deterministic-names -config "$config.new" -passfile "$password.new" '
        '"$empty"',
        'rmdir "$empty"',
        *_in_place(),
    )


def _from_escrow(config: str, password_file: str, kept: Escrow) -> StringCommand:
    """Gives the escrowed config a new password, because nobody knows the old one any more.

    gocryptfs(1): -passwd with -masterkey.
    """
    return script(
        *_new_password(config, password_file),
        unpacked(kept.config or b"", '"$config.new"'),
        # printf, and [ below, are the shell's own: no process has the key among its arguments.
        f"{{ printf '%s\\n' {kept.master_key}; cat \"$password.new\"; }} | "
        'gocryptfs -q -passwd -masterkey=stdin -config "$config.new" / > /dev/null',
        'rm -f "$config.new.bak" "$config"',
        *_in_place(),
    )


def _new_password(config: str, password_file: str) -> list[str]:
    """Begins such a script. The password's directory is the config's."""
    taken = f"another run has just made {config}: run again"
    return [
        f"config={quote(config)}; password={quote(password_file)}",
        *alone_in(directory_of(config)),
        f'[ ! -e "$config" ] || [ ! -e "$password" ] || {{ echo {quote(taken)} >&2; exit 1; }}',
        'rm -f "$config.new" "$config.new.tmp" "$password.new"',
        'head -c 32 /dev/urandom | base64 > "$password.new"',
    ]


def _in_place() -> list[str]:
    """Puts both files in place, the config last.

    If the config is not in place, the next run begins anew: the config has encrypted nothing yet.
    """
    return [
        'sync "$password.new" "$config.new"',
        'mv "$password.new" "$password"; mv "$config.new" "$config"; sync -f "$config"',
    ]
