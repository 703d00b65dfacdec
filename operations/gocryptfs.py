"""gocryptfs volumes: initialised once, never again, and escrowed.

Whoever has the storage can write whatever they like in the place of a volume's gocryptfs.conf: the
config says whether names are encrypted, and how much memory a password takes, and nothing
authenticates it. So the host has a config of its own, and no other is ever opened. The config on
the storage is there for whoever restores the volume by its password.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from pyinfra import host, state
from pyinfra.api import StringCommand

from engine.operation import Commands, ask, operation
from engine.report import fail, script, tell
from facts.gocryptfs import Places, Volume, VolumeState
from operations.escrow import Escrow
from operations.gocryptfs_scripts import (
    from_escrow,
    initialised,
    onto_storage,
    password_set,
)

# The master key, encrypted by the password: another volume's is another one.
_ENCRYPTED_KEY = re.compile(rb'"EncryptedKey":\s*"([^"]*)"')


@operation()
def volume(at: Places, password: str, escrow: Path, rotate: bool = False) -> Commands:
    """The mounted directory `at.ciphertext` is a gocryptfs volume that `password` opens.

    escrow: a directory on the operator's machine that gets gocryptfs.conf and the master key
    rotate: whether `password` is new. Then the volume moves to `password` from the password in the
        host's password file

    Makes a volume only in an empty directory that is really mounted, and only if neither host nor
    escrow has a config. Gives a host without a config the escrowed one. Puts the host's own config
    onto the storage, if another or none is there. Never opens or takes the config on the storage.
    Never replaces the config of another volume. Never takes a password that does not open the
    config: the host fails, and the volume stays as it is.
    """
    now = yield from ask(Volume, **vars(at))
    kept = Escrow(escrow)
    wanted = hashlib.sha256(f"{password}\n".encode()).hexdigest()
    if not now.mounted:
        yield from _not_mounted(at.ciphertext)
        return
    if refusal := _in_clear(at, now, kept) or _refusal(at, now, kept, rotate):
        yield fail(refusal)
        return
    own = kept.config if now.own is None else now.own
    has_password = now.password_digest == wanted
    if own is not None and own == now.own == kept.config == now.config and has_password:
        host.noop(f"{at.ciphertext} is an encrypted volume, and escrowed")
        return
    if now.own is None and kept.config is not None:
        yield from_escrow(at, kept, kept.config, password, rotate)
    if not has_password:
        yield password_set(at, password, own is not None, rotate)
    if own is None:
        yield initialised(at)
    elif now.config != own or (not has_password and rotate):
        yield onto_storage(at, now, kept)
    if rotate or kept.config is None:
        tell(f"{at.ciphertext}: gocryptfs.conf and master key -> escrow in {escrow}")
        yield kept.fetch(at.config, at.password_file)


@operation()
def none(at: Places, escrow: Path | None) -> Commands:
    """No gocryptfs volume belongs to this host: its storage has always been plain.

    escrow: as in `volume`; None if the operator has no escrow directory

    Otherwise the host fails, because new files would lie in clear among the encrypted files.
    Changes nothing.
    """
    now = yield from ask(Volume, **vars(at))
    has = {
        str(escrow): escrow is not None and Escrow(escrow).exists,
        at.config: now.own is not None,
        at.password_file: now.password_digest is not None,
        at.on_storage: now.config is not None,
    }
    if not any(has.values()):
        host.noop("no encrypted volume was here")
        return
    found = ", ".join(path for path, is_there in has.items() if is_there)
    yield fail(
        f"this host has an encrypted volume ({found}), and the data says encrypted: false. Say "
        "encrypted: true again, or move the data to a new host"
    )


@operation()
def plain(mountpoint: str, units: Sequence[str]) -> Commands:
    """What is mounted at `mountpoint` is plain storage, and no volume's encrypted side.

    units: the units that mount it

    If this is a volume's encrypted side, stops and disables the units and fails the host, because
    new files would lie in clear among the encrypted files. A machine that was made anew knows of no
    volume: only the storage itself does.
    """
    nothing = "/dev/null"
    now = yield from ask(Volume, ciphertext=mountpoint, config=nothing, password_file=nothing)
    if now.config is None and not now.diriv:
        host.noop(f"{mountpoint} is plain")
        return
    reason = (
        f"an encrypted volume lies in what is mounted at {mountpoint}, and the data says "
        "encrypted: false. It was unmounted. Say encrypted: true again"
    )
    refusal = fail(reason)
    yield script(f"systemctl disable --now {' '.join(map(quote, units))} >&2 || true")
    yield refusal


def _not_mounted(ciphertext: str) -> Commands:
    if state.is_executing:
        yield fail(
            f"{ciphertext} is not mounted or does not answer, so no volume is looked for there"
        )
        return
    tell(
        f"{ciphertext}: not mounted now; if it is empty and nothing is escrowed, it becomes an "
        "encrypted volume"
    )
    yield StringCommand("true")


def _refusal(at: Places, now: VolumeState, kept: Escrow, rotate: bool) -> str | None:
    if now.own is None and kept.config is None:
        return _nothing_to_trust(at, now, kept)
    if not now.diriv:
        known = at.config if now.own is not None else str(kept.directory)
        return (
            f"{at.ciphertext} holds no volume, but {known} has what opens one that was here: is "
            f"the right dataset mounted? To begin anew, move away {at.config} on this host and "
            f"what is in {kept.directory} first"
        )
    if None not in (now.own, kept.config) and now.own != kept.config and not rotate:
        return (
            f"{at.config} differs from the one in {kept.directory}. If its password was changed on "
            "purpose, move the escrowed one aside and run again. If not, move the host's own aside "
            "and run again: the host gets the escrowed one"
        )
    if now.own is None and now.config not in (None, kept.config):
        return (
            f"{at.on_storage} differs from the one in {kept.directory}, and this host has none "
            "of its own that says which is right. If the password was changed, get the escrow of "
            "whoever changed it. If not, and the right dataset is mounted there, move "
            f"{at.on_storage} out of the volume and run again: both get the escrowed one"
        )
    if now.config != kept.config and _is_of_another_key(now.config, now.own):
        return (
            f"{at.on_storage} holds another key than {at.config}: is the right dataset "
            "mounted? If it is, and is as old as a password that was changed since, or somebody "
            f"has replaced the file, then move {at.on_storage} out of the volume and run again. "
            "This host goes on by its own config"
        )
    return None


def _nothing_to_trust(at: Places, now: VolumeState, kept: Escrow) -> str | None:
    """Why no volume is made where neither host nor escrow has a config; None if one may be."""
    if now.config is not None:
        text = (
            f"{at.on_storage} is there, but neither this host nor {kept.directory} has a config "
            "that says whether it is right: whoever has the storage server could have written it. "
            "Put the escrow of an operator who has this volume's there and run again"
        )
        unused = "If the volume never had a file, move gocryptfs.conf and gocryptfs.diriv away"
        return text if now.entries else f"{text}. {unused} instead"
    if now.entries:
        return (
            f"{at.ciphertext} has {now.entries} entries but no gocryptfs.conf, and none is "
            f"escrowed in {kept.directory}: put the escrow of an operator who has this volume's "
            "there; nothing was changed"
        )
    if kept.exists:
        return (
            f"{at.ciphertext} holds no volume, but {kept.directory} has what opens one that was "
            "here: is the right dataset mounted? To begin anew, move the escrowed files away first"
        )
    return None


def _in_clear(at: Places, now: VolumeState, kept: Escrow) -> str | None:
    """Why the host's own config or the escrowed one is not to be trusted; None if both may be.

    Escrow may have got it from the storage, when hosts had no config of their own.
    """
    for config, where in ((now.own, at.config), (kept.config, f"{kept.directory}/gocryptfs.conf")):
        if _has_plaintext_names(config):
            return (
                f"{where} has PlaintextNames among its FeatureFlags: names of files would lie on "
                "the storage server in clear. No run makes such a config: it came from there. Put "
                "an older one in its place: those that were escrowed before are in "
                f"{kept.directory}, with the time in their names"
            )
    return None


def _has_plaintext_names(config: bytes | None) -> bool:
    try:
        # Anywhere, because Go takes featureflags for FeatureFlags: encoding/json, Unmarshal.
        return "PlaintextNames" in json.dumps(json.loads(config or b"{}"))
    except (ValueError, RecursionError):
        # gocryptfs does not mount by this one.
        return False


def _is_of_another_key(config: bytes | None, own: bytes | None) -> bool:
    """Whether this is a whole config, and its key is not that of the host's own config."""
    found = _ENCRYPTED_KEY.search(config or b"")
    right = _ENCRYPTED_KEY.search(own or b"")
    return found is not None and (right is None or found[1] != right[1])
