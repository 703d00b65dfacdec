"""The key of a gocryptfs volume that lies elsewhere: this host has it, and the store has not."""

import base64
from pathlib import Path
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from engine.operation import Commands, ask, operation
from engine.report import fail, script, tell
from facts.files import Paths
from operations.escrow import Escrow


@operation()
def key(config: str, password_file: str, escrow: Path) -> Commands:
    """The host has a gocryptfs config and the password that opens it, and both are escrowed.

    config: its path, outside of the encrypted directory: gocryptfs(1), -config
    escrow: a directory on the operator's machine that gets the config and the master key

    The password is random, made on the host, and stays there: what is lost with a host, the
    escrowed master key opens. A host without config or password gets them anew by that key, and
    everything that it ever encrypted can be read. Never makes a key where one is escrowed, and
    never replaces one that differs from the escrowed one: that fails the host.
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
    elif kept.config is not None:
        yield _same_key(config, password_file, kept)
    tell(f"{config} and its master key -> escrow in {escrow}")
    yield kept.fetch(config, password_file)


def _refusal(config: str, here: bytes | None, has_password: bool, kept: Escrow) -> str | None:
    if here is not None and not has_password and kept.config not in (None, here):
        return _differs(config, kept)
    if kept.config is None and kept.exists:
        return f"{kept.directory} has no gocryptfs.conf, or no masterkey: put both back there"
    if kept.config is None and here is not None and not has_password:
        return (
            f"the password of {config} is gone, and {kept.directory} has no master key: put the "
            f"escrowed files there. If they are lost, so is what it encrypted: rm {config}"
        )
    return None


def _make(config: str, password_file: str) -> StringCommand:
    """Deterministic names: without them each encrypted directory would have a file of its own."""
    return script(
        *_new_password(config, password_file),
        "empty=$(mktemp -d)",
        'gocryptfs -init -q -deterministic-names -config "$config.new" -passfile "$password.new" '
        '"$empty"',
        'rmdir "$empty"',
        *_in_place(),
    )


def _from_escrow(config: str, password_file: str, kept: Escrow) -> StringCommand:
    """gocryptfs(1), -passwd with -masterkey: for a password that nobody knows any more."""
    return script(
        *_new_password(config, password_file),
        f'echo {base64.b64encode(kept.config or b"").decode()} | base64 -d > "$config.new"',
        # printf is the shell's own, and so is [ below: no process has the key among its arguments.
        f"{{ printf '%s\\n' {kept.master_key}; cat \"$password.new\"; }} | "
        'gocryptfs -q -passwd -masterkey=stdin -config "$config.new" / > /dev/null',
        'rm -f "$config.new.bak" "$config"',
        *_in_place(),
    )


def _same_key(config: str, password_file: str, kept: Escrow) -> StringCommand:
    """A config that is not the escrowed one may only have another password: a run was cut off."""
    return script(
        f"found=$(gocryptfs-xray -dumpmasterkey {quote(config)} < {quote(password_file)}) || :",
        f'[ "$found" = {kept.master_key} ] || '
        f"{{ echo {quote(_differs(config, kept))} >&2; exit 12; }}",
    )


def _differs(config: str, kept: Escrow) -> str:
    return (
        f"{config} differs from the one in {kept.directory}: one of the two opens what is in the "
        "store. Move the other aside and run again"
    )


def _new_password(config: str, password_file: str) -> list[str]:
    return [
        f"config={quote(config)}; password={quote(password_file)}",
        "umask 077",
        'mkdir -p "${config%/*}" "${password%/*}"',
        'rm -f "$config.new" "$config.new.tmp" "$password.new"',
        'head -c 32 /dev/urandom | base64 > "$password.new"',
    ]


def _in_place() -> list[str]:
    """The config last: without it the next run begins anew, and nothing was encrypted by it yet."""
    return [
        'sync "$password.new" "$config.new"',
        'mv "$password.new" "$password"; mv "$config.new" "$config"; sync -f "$config"',
    ]
