"""gocryptfs volumes: initialised once, never again, and escrowed."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from pyinfra import host, state
from pyinfra.api import StringCommand

from engine.operation import Commands, ask, operation
from engine.report import fail, script, tell
from facts.gocryptfs import Volume, VolumeState
from operations import in_force
from operations.escrow import Escrow
from operations.files import pending

# A directory of this host alone, as long as the script runs.
_HERE = "new=$(mktemp -d); trap 'rm -rf \"$new\"' EXIT"


@operation()
def volume(
    ciphertext: str, password_file: str, password: str, escrow: Path, rotate: bool = False
) -> Commands:
    """The mounted directory `ciphertext` is a gocryptfs volume that `password` opens.

    escrow: a directory on the operator's machine that gets gocryptfs.conf and the master key
    rotate: whether `password` is new. Then the volume moves to `password` from the password in the
        host's password file

    Makes a volume only in an empty directory that is really mounted, and only if nothing is
    escrowed. Puts a config that is gone back from escrow, if the volume's files are still there.
    Never overwrites a config that works. Never takes a password that does not open the config: the
    host fails, and the volume stays as it is.
    """
    now = yield from ask(Volume, ciphertext=ciphertext, password_file=password_file)
    kept = Escrow(escrow)
    wanted = hashlib.sha256(f"{password}\n".encode()).hexdigest()
    if not now.mounted:
        yield from _not_mounted(ciphertext)
        return
    if now.config is not None and now.config == kept.config and now.password_digest == wanted:
        host.noop(f"{ciphertext} is an encrypted volume, and escrowed")
        return
    refusal = _refusal(ciphertext, now, kept, rotate)
    if refusal:
        yield fail(refusal)
        return
    has_config = now.config is not None or kept.config is not None
    if now.config is None and kept.config is not None:
        yield _restore_config(ciphertext, kept, password)
    if now.password_digest != wanted:
        pending[host.name].add(password_file)
        yield _set_password(ciphertext, password_file, password, has_config, rotate)
    if not has_config:
        yield _initialise(ciphertext, password_file)
    if rotate or kept.config is None:
        tell(f"{ciphertext}: gocryptfs.conf and master key -> escrow in {escrow}")
        yield kept.fetch(f"{ciphertext}/gocryptfs.conf", password_file)


@operation()
def none(ciphertext: str, password_file: str, escrow: Path | None) -> Commands:
    """No gocryptfs volume belongs to this host: its storage has always been plain.

    escrow: as in `volume`; None if the operator has no escrow directory

    Otherwise the host fails, because new files would lie in clear among the encrypted files.
    Changes nothing.
    """
    now = yield from ask(Volume, ciphertext=ciphertext, password_file=password_file)
    if escrow and Escrow(escrow).exists:
        found = str(escrow)
    elif now.config is not None or now.password_digest is not None:
        found = f"{password_file}, {ciphertext}"
    else:
        host.noop("no encrypted volume was here")
        return
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
    now = yield from ask(Volume, ciphertext=mountpoint, password_file="/dev/null")
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


def _refusal(ciphertext: str, now: VolumeState, kept: Escrow, rotate: bool) -> str | None:
    if now.config is None and kept.config is None and now.entries:
        return (
            f"{ciphertext} has {now.entries} entries but no gocryptfs.conf, and none is escrowed "
            f"in {kept.directory}: put the volume's config back there; nothing was changed"
        )
    if now.config is None and kept.exists and not (now.diriv and kept.config is not None):
        return (
            f"{ciphertext} holds no volume, but {kept.directory} has what opens one that was here: "
            "is the right dataset mounted? To begin anew, move the escrowed files away first"
        )
    if None not in (now.config, kept.config) and now.config != kept.config and not rotate:
        return (
            f"{ciphertext}/gocryptfs.conf differs from the one in {kept.directory}. If its "
            "password was changed on purpose, move the escrowed one aside and run again"
        )
    return None


def _restore_config(ciphertext: str, kept: Escrow, password: str) -> StringCommand:
    """Puts the escrowed config back only if the password opens it.

    An older config would bring a retired password back.
    """
    tell(f"{ciphertext}/gocryptfs.conf: absent -> restored from escrow")
    wrong = (
        f"the password in the data does not open the gocryptfs.conf in {kept.directory}, so that "
        "was not put back. Is one of the two older than the last rotation? Get the newest of both"
    )
    return script(
        _HERE,
        f'echo {base64.b64encode(kept.config or b"").decode()} | base64 -d > "$new/gocryptfs.conf"',
        'gocryptfs-xray -dumpmasterkey "$new/gocryptfs.conf" > /dev/null 2>&1 '
        f"<<'END-OF-PASSWORD' || {{ echo {quote(wrong)} >&2; exit 12; }}",
        password,
        "END-OF-PASSWORD",
        _move_in(ciphertext, "gocryptfs.conf", "0377"),
        f"sync -f {quote(ciphertext)}",
    )


def _move_in(ciphertext: str, name: str, umask: str) -> str:
    """A line of sh that puts $new/NAME into the volume's root, whole or not at all.

    The storage server may answer any name with a link to a file of this host, at any time. Nothing
    follows a link in the last place: open(2), O_EXCL, and rename(2); -T of mv(1).
    """
    beside, place = quote(f"{ciphertext}/.init-new"), quote(f"{ciphertext}/{name}")
    return (
        f"rm -rf {beside}; (umask {umask}; "
        f'dd if="$new/{name}" of={beside} conv=excl,fsync status=none); mv -f -T {beside} {place}'
    )


def _set_password(
    ciphertext: str, password_file: str, password: str, has_config: bool, rotate: bool
) -> StringCommand:
    """Installs the password once it is known to open the volume, if there is a volume.

    `script` keeps the password out of argv.
    """
    tell(f"{password_file}: content changes (secret, not shown)")
    file, config = quote(password_file), quote(f"{ciphertext}/gocryptfs.conf")
    opens = f"gocryptfs-xray -dumpmasterkey {config} < {file}.new > /dev/null 2>&1"
    wrong = f"the password in the data does not open {ciphertext}; the host keeps the one it has"
    lines = [
        # Others have files in the directory too, for more readers than the password has.
        f"mkdir -p {quote(str(Path(password_file).parent))}",
        "umask 077",
        f"cat > {file}.new <<'END-OF-PASSWORD'",
        password,
        "END-OF-PASSWORD",
    ]
    if has_config and rotate:
        # gocryptfs writes a config to a file .tmp first. If that was interrupted, the file is still
        # there, and gocryptfs refuses to write.
        change = (
            f"{{ rm -f {config}.tmp; cat {file} {file}.new | "
            f"gocryptfs -q -passwd {quote(ciphertext)} > /dev/null; }}"
        )
        lines.append(
            f"{opens} || {change} || {{ rm {file}.new; echo {quote(wrong)} >&2; exit 12; }}"
        )
    elif has_config:
        lines.append(f"{opens} || {{ rm {file}.new; echo {quote(wrong)} >&2; exit 12; }}")
    return script(*lines, in_force.written([password_file]), f"mv {file}.new {file}")


def _initialise(ciphertext: str, password_file: str) -> StringCommand:
    """Makes the volume on this host and moves it in, the config last: a part of it is no volume.

    In the storage gocryptfs would follow whatever link the server puts in the directory's place.
    """
    tell(f"{ciphertext}: empty -> encrypted volume, initialised now and never again")
    root = quote(ciphertext)
    taken = f"{ciphertext} is no longer an empty mount; nothing was initialised"
    return script(
        # Another operator's run may do the same now. The second run waits for the first, and then
        # sees its volume.
        f"exec 9< {quote(str(Path(password_file).parent))}; flock 9",
        # The script looks again: what is moved in would destroy a volume that is there by now.
        f"findmnt -n -M {root} > /dev/null && names=$(ls -A {root}) && "
        "! printf '%s' \"$names\" | grep -q -v -e '^gocryptfs[.]diriv$' -e '^[.]init-' || "
        f"{{ echo {quote(taken)} >&2; exit 1; }}",
        f"rm -rf {root}/.init-*; {_HERE}",
        f'gocryptfs -init -q -passfile {quote(password_file)} "$new"',
        _move_in(ciphertext, "gocryptfs.diriv", "0337"),
        _move_in(ciphertext, "gocryptfs.conf", "0377"),
        f"sync -f {root}",
    )
