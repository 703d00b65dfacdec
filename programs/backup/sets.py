"""The sets: an archive of borg a night."""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from errno import EIO
from pathlib import Path
from typing import Any

from programs.backup import Settings
from programs.backup.command import Failed, call, patiently
from programs.backup.places import PLAIN, REPOSITORY, ROOM

BOOT = Path("/proc/sys/kernel/random/boot_id")
SEGMENT = 32 * 2**20
ROOM_BYTES = 16 * 2**20
SET, UNFINISHED = "night-", "unfinished"
TIME = "%Y-%m-%dT%H:%M:%SZ"


def torn(file: Path) -> bool:
    """Whether its end is there, and cannot be read."""
    try:
        with file.open("rb") as it:
            it.seek(max(0, file.stat().st_size - 1))
            it.read()
    except OSError as error:
        if error.errno != EIO:
            raise
        return True
    return False


class Sets:
    """The sets in the store, which is mounted and decrypted."""

    def __init__(self, settings: Settings, ciphertext: Path) -> None:
        self._ciphertext = ciphertext
        self._keep = settings["keep"]
        self.environment = {
            **os.environ,
            "BORG_REPO": str(REPOSITORY),
            "BORG_BASE_DIR": settings["state"],
            # gocryptfs is its encryption.
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }
        self._check = settings["check"]
        self._state = Path(settings["state"])
        self._had, self._cache = self._state / "had-sets", self._state / ".cache"

    def borg(self, *words: str, **options: Any) -> str:
        """Exit 1, a file that could not be read or changed meanwhile, is a failure too."""
        return call("borg", *words, env=self.environment, **options)

    def prepare(self) -> None:
        """They can be read, or begun if there never were any. Raises Failed."""
        if not (REPOSITORY / "config").exists():
            if self._had.exists():
                raise Failed(
                    f"the sets that were in the store are gone. To begin anew: rm {self._had}"
                )
            self._begin()
        self._forget_cache()
        self._drop_torn()
        # Nobody but this program uses them, and it has the lock of this host.
        self.borg("break-lock")
        with suppress(OSError):
            self._keep_room()

    def _forget_cache(self) -> None:
        """After a boot: borg makes another one from the sets.

        What goes back to it after a night that was cut off may be empty if it was cut off by a
        reset, and then every later night fails: borg 1.2 copies it without a sync.
        """
        boot, mark = BOOT.read_text(), self._state / "boot"
        if not mark.exists() or mark.read_text() != boot:
            call("rm", "-rf", str(self._cache))
            mark.write_text(boot)

    def _drop_torn(self) -> None:
        """What was written last, and not to its end, is taken away if it cannot be read.

        A store that is full, or a reset, leaves a block of gocryptfs in part, which is an error to
        read. borg looks at the ends of its newest segments for one that is committed, and by that
        error would end whatever it does. Those after its newest index are of no set.
        """
        numbers = [it.suffix[1:] for it in REPOSITORY.glob("index.*")]
        committed = max((int(it) for it in numbers if it.isdecimal()), default=None)
        if committed is None:
            return
        for segment in REPOSITORY.glob("data/*/*"):
            if segment.name.isdecimal() and int(segment.name) > committed and torn(segment):
                segment.unlink()

    def _keep_room(self) -> None:
        """A file to take away from a store that is full: borg begins nothing without any room.

        Where a quota ends it and not the disk, borg does not clean up either: it knows ENOSPC only.
        """
        if not ROOM.exists() or ROOM.stat().st_size < ROOM_BYTES:
            ROOM.write_bytes(bytes(ROOM_BYTES))

    def _begin(self) -> None:
        new = REPOSITORY.with_suffix(".new")
        others = [each for each in PLAIN.iterdir() if each not in (new, ROOM)]
        hidden = list(self._ciphertext.iterdir())
        if others or (hidden and not new.exists()):
            raise Failed(
                "the store has something in this host's directory that its key does not open: "
                "put the key back from escrow (docs/backups.md), or move that aside"
            )
        call("rm", "-rf", str(new))
        self.borg("init", "--encryption=none", str(new))
        # To let go of a set, borg wants the room of one to be free: with its own 500 MB a directory
        # that is nearly full could not be made emptier.
        self.borg("config", str(new), "max_segment_size", str(SEGMENT))
        new.rename(REPOSITORY)

    def add(self, directory: Path, names: Sequence[str], now: datetime) -> None:
        """A new one of what is in the directory; it has its name once it is whole."""
        when = now.strftime(TIME)
        unfinished = f"{UNFINISHED}-{when}"
        # Of no use elsewhere, and it changes meanwhile.
        cache = f"--exclude=pp:{self._cache.relative_to('/')}"
        words = ("create", "--one-file-system", cache, "--", f"::{unfinished}", *names)
        self.borg(*words, cwd=directory)
        self.borg("rename", f"::{unfinished}", f"{SET}{when}")
        self._had.touch()

    def recover(self) -> None:
        """After a failure the sets can be read and added to, also if the store is full."""
        ROOM.unlink(missing_ok=True)
        self._drop_torn()
        self.borg("break-lock")
        # A store on ZFS has the room of what was removed some seconds later.
        patiently(self.prune)
        self._keep_room()

    def prune(self) -> None:
        """What a night that failed has left goes too: in a full store it has the next one's room.

        What is left of one that was killed, in borg's checkpoints, the next one need not copy
        again, if it comes before.
        """
        self.borg("delete", f"--glob-archives={UNFINISHED}*")
        self.borg("prune", f"--glob-archives={SET}*", f"--keep-daily={self._keep}")
        self.borg("compact")

    def names(self) -> list[str]:
        """The oldest first."""
        # By another lock no other than this host's own is meant, which this program has.
        listed = self.borg("list", "--bypass-lock", "--short", f"--glob-archives={SET}*")
        return listed.splitlines()

    def check(self) -> None:
        """Read a part of the store; over the nights all of it. Raises Failed if it is damaged.

        Later sets have in common with earlier ones what has not changed, damage too.
        """
        self.borg("check", "--repository-only", f"--max-duration={self._check}")
