"""The scripts of gocryptfs volumes, and lines of sh that they share with those of gocryptfs keys.

The host's own config and password are files of root, in a directory of root. What lies on the
storage belongs to whoever has the storage.
"""

import base64
from pathlib import PurePosixPath
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from engine.report import script, tell, warn
from facts.gocryptfs import Places, VolumeState
from operations import in_force
from operations.escrow import Escrow
from operations.files import pending
from operations.parties import alone_in


def from_escrow(
    at: Places, kept: Escrow, config: bytes, password: str, rotate: bool
) -> StringCommand:
    """Gives the host the escrowed config, only if the password opens it.

    An older config would bring a retired password back. Before a rotation it is the password on the
    host that opens it.
    """
    tell(f"{at.config}: absent -> restored from escrow")
    pending[host.name].add(at.config)
    target = quote(at.config)
    wrong = (
        f"the password in the data does not open the gocryptfs.conf in {kept.directory}, so that "
        "was not put back. Is one of the two older than the last rotation? Get the newest of both"
    )
    before = f"{opens(f'{target}.new', quote(at.password_file))} || " if rotate else ""
    return script(
        *alone_in(directory_of(at.config)),
        f"rm -f {target}.new",
        unpacked(config, f"{target}.new"),
        f"chmod 0400 {target}.new",
        f"{before}gocryptfs-xray -dumpmasterkey {target}.new > /dev/null 2>&1 "
        f"<<'END-OF-PASSWORD' {or_fail(wrong, f'{target}.new')}",
        password,
        "END-OF-PASSWORD",
        in_force.written([at.config]),
        f"sync {target}.new; mv {target}.new {target}; sync -f {target}",
    )


def password_set(at: Places, password: str, has_config: bool, rotate: bool) -> StringCommand:
    """Installs the password once it is known to open the volume, if there is a volume.

    `script` keeps the password out of argv.
    """
    tell(f"{at.password_file}: content changes (secret, not shown)")
    pending[host.name].add(at.password_file)
    file, config = quote(at.password_file), quote(at.config)
    wrong = f"the password in the data does not open {at.ciphertext}; the host keeps the one it has"
    lines = [
        *alone_in(directory_of(at.password_file)),
        f"cat > {file}.new <<'END-OF-PASSWORD'",
        password,
        "END-OF-PASSWORD",
    ]
    if has_config and rotate:
        # gocryptfs writes a config to a file .tmp first. If that was interrupted, the file is still
        # there, and gocryptfs refuses to write. gocryptfs asks for an encrypted directory, and
        # does not look at it.
        change = (
            f"{{ rm -f {config}.tmp; cat {file} {file}.new | "
            f"gocryptfs -q -passwd -config {config} / > /dev/null; }}"
        )
        lines.append(f"{opens(config, f'{file}.new')} || {change} {or_fail(wrong, f'{file}.new')}")
    elif has_config:
        lines.append(f"{opens(config, f'{file}.new')} {or_fail(wrong, f'{file}.new')}")
    return script(*lines, in_force.written([at.password_file]), f"mv {file}.new {file}")


def initialised(at: Places) -> StringCommand:
    """Makes the volume on the host's own disk. The host's config is in place before the storage's.

    Without the host's config there is no volume yet: the next run begins anew.
    """
    tell(f"{at.ciphertext}: empty -> encrypted volume, initialised now and never again")
    pending[host.name].add(at.config)
    root, config = quote(at.ciphertext), quote(at.config)
    taken = f"{at.ciphertext} is no longer an empty mount; nothing was initialised"
    return script(
        *alone_in(directory_of(at.config)),
        # The script looks again: what it writes would destroy a volume that is there by now.
        f"[ ! -e {config} ] && findmnt -n -M {root} > /dev/null && names=$(ls -A {root}) && "
        "! printf '%s' \"$names\" | grep -q -v -e '^gocryptfs[.]diriv$' -e '^[.]init-' || "
        f"{{ echo {quote(taken)} >&2; exit 1; }}",
        f"rm -rf {config}.init; mkdir {config}.init",
        f"gocryptfs -init -q -passfile {quote(at.password_file)} {config}.init",
        *_put(root, f"{config}.init/gocryptfs.diriv", "gocryptfs.diriv", "227"),
        in_force.written([at.config]),
        f"sync {config}.init/gocryptfs.conf; mv {config}.init/gocryptfs.conf {config}",
        f"rm -rf {config}.init; sync -f {config}",
        *_put(root, config, "gocryptfs.conf", "377"),
    )


def onto_storage(at: Places, now: VolumeState, kept: Escrow) -> StringCommand:
    """Puts the host's own config onto the storage."""
    before = "absent" if now.config is None else "another config"
    tell(f"{at.on_storage}: {before} -> this host's own config")
    if now.config not in (None, now.own, kept.config):
        warn(
            f"{at.on_storage} was not this host's own config: whoever has access to the storage "
            "server has changed it, or has put an older one back. This host has never opened it"
        )
    return script(*_put(quote(at.ciphertext), quote(at.config), "gocryptfs.conf", "377"))


def _put(root: str, source: str, name: str, umask: str) -> list[str]:
    """Copies a file of the host onto the storage, whole or not at all.

    root, source: quoted for sh; umask: what is taken from the mode 0666

    Whoever has the storage may put a link to any file of the host in a file's place. dd with excl
    opens no file and no link that is there: open(2), O_EXCL. And a rename replaces a link.
    """
    new = f"{root}/.init-{name}"
    return [
        f"rm -rf {root}/.init-*",
        f"(umask {umask}; dd if={source} of={new} conv=excl,fsync status=none)",
        f"mv -f -T {new} {root}/{name}",
    ]


def directory_of(file: str) -> str:
    """The directory of this file of a host."""
    return str(PurePosixPath(file).parent)


def unpacked(config: bytes, target: str) -> str:
    """Writes this config to a file. target: the file, quoted for sh"""
    return f"echo {base64.b64encode(config).decode()} | base64 -d > {target}"


def opens(config: str, password_file: str) -> str:
    """A condition: the password opens the config. Both are files, quoted for sh."""
    return f"gocryptfs-xray -dumpmasterkey {config} < {password_file} > /dev/null 2>&1"


def or_fail(text: str, *files: str) -> str:
    """The end of a condition: if it is not met, removes these files, quoted for sh, and fails."""
    removal = f"rm -f {' '.join(files)}; " if files else ""
    return f"|| {{ {removal}echo {quote(text)} >&2; exit 12; }}"
