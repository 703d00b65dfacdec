"""The store, mounted by NFS and decrypted by gocryptfs."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR

from programs.backup import Settings
from programs.backup.command import Failed, call
from programs.backup.places import HERE, PLAIN, ROOT, STORE
from programs.backup.sets import Sets

FLAGS = "noatime,nosuid,nodev,noexec"
# hard: nothing is lost in silence. nconnect=1: OVH gives an address three connections.
MOUNT_OPTIONS = f"hard,nconnect=1,{FLAGS},retry=0"
# Links of the provider's lead nowhere: mount(8). mount.nfs(8) does not know nosymfollow, so the
# mount gets it afterwards, and keeps the other flags only if they are named again.
NO_LINKS = f"remount,bind,{FLAGS},nosymfollow"
MOUNT_SECONDS = 90


@contextmanager
def opened(settings: Settings) -> Iterator[Sets]:
    """The sets, while the store is mounted and decrypted. Raises Failed."""
    HERE.mkdir(mode=0o700, exist_ok=True)
    call("mount", "-t", "tmpfs", "-o", "mode=700", "coop-backup", str(HERE))
    for each in (STORE, PLAIN, ROOT):
        each.mkdir(exist_ok=True)
    call(
        "mount", "-t", "nfs", "-o", MOUNT_OPTIONS, settings["store"], str(STORE),
        timeout=MOUNT_SECONDS,
    )  # fmt: skip
    call("mount", "-o", NO_LINKS, str(STORE), timeout=MOUNT_SECONDS)
    ciphertext = STORE / settings["name"]
    with suppress(FileExistsError):
        ciphertext.mkdir()
    # A link could lead the sets onto this host's own disk.
    if not S_ISDIR(ciphertext.lstat().st_mode):
        raise Failed(
            f"{settings['name']} in {settings['store']} is no directory, but a link or a file: "
            "move it aside there, and ask the provider who made it"
        )
    with _decrypted(settings, ciphertext):
        sets = Sets(settings, ciphertext)
        sets.prepare()
        yield sets


@contextmanager
def _decrypted(settings: Settings, ciphertext: Path) -> Iterator[None]:
    """gocryptfs ends with this program, even if that is killed: setpriv(1). Raises Failed."""
    words = ("-q", "-fg", "-config", settings["config"], "-passfile", settings["password"])
    program = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "gocryptfs", *words, str(ciphertext), str(PLAIN)],
        stdin=subprocess.DEVNULL,
    )
    end = time.monotonic() + MOUNT_SECONDS
    while not PLAIN.is_mount():
        if program.poll() is not None or time.monotonic() > end:
            program.kill()
            raise Failed(f"gocryptfs does not decrypt {settings['store']}: exit {program.wait()}")
        time.sleep(0.1)
    try:
        yield
    finally:
        # The unmount writes everything out, or fails here: at the end of the namespace nobody would
        # see it fail.
        call("fusermount3", "-u", str(PLAIN))
        program.wait()
