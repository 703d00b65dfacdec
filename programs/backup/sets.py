"""The sets: one archive of borg a night."""

import os
from collections.abc import Callable, Sequence
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
# A time in this form, for borg: a night drops nothing that somebody calls night-before-upgrade.
ANY_TIME = "????-??-??T??:??:??Z"


def torn(file: Path) -> bool:
    """Whether the end of the file cannot be read (EIO)."""
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
            # gocryptfs encrypts, and not borg.
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
            # Debian 12's borg 1.2.4 authenticates no archive, and 1.4 reads none without: #7791 of
            # borg. What is in the store gocryptfs authenticates.
            "BORG_WORKAROUNDS": "ignore_invalid_archive_tam",
        }
        self._check = settings["check"]
        self._state = Path(settings["state"])
        self._had, self._cache = self._state / "had-sets", self._state / ".cache"

    def borg(self, *words: str, **options: Any) -> str:
        """Run borg. Exit 1 is a failure too: a file could not be read, or changed meanwhile."""
        return call("borg", *words, env=self.environment, **options)

    def prepare(self) -> None:
        """Make the sets readable, or begin if there never were any. Raises Failed."""
        if not (REPOSITORY / "config").exists():
            if self._had.exists():
                raise Failed(
                    f"the sets that were in the store are gone. To begin anew: rm {self._had}"
                )
            self._begin()
        self._forget_cache()
        self._drop_torn()
        # Only this program uses the sets, and it has the lock of this host: a lock of borg's is
        # left over.
        self.borg("break-lock")
        with suppress(OSError):
            self._keep_room()

    def _forget_cache(self) -> None:
        """Remove the cache after a boot: borg makes another one from the sets.

        After a night that was cut off, borg goes back to a copy of its cache, which borg 1.2 makes
        without a sync. A reset may leave that copy empty, and then every later night would fail.
        """
        boot, mark = BOOT.read_text(), self._state / "boot"
        if not mark.exists() or mark.read_text() != boot:
            call("rm", "-rf", str(self._cache))
            mark.write_text(boot)

    def _drop_torn(self) -> None:
        """Remove what borg wrote last and not to its end, if it cannot be read.

        A full store or a reset leaves a part of a gocryptfs block, and reading it is an error. borg
        reads the ends of its newest segments to find a committed one, and the error would end
        whatever borg does. The segments after borg's newest index belong to no set.
        """
        numbers = [it.suffix[1:] for it in REPOSITORY.glob("index.*")]
        committed = max((int(it) for it in numbers if it.isdecimal()), default=None)
        if committed is None:
            return
        for segment in REPOSITORY.glob("data/*/*"):
            if segment.name.isdecimal() and int(segment.name) > committed and torn(segment):
                segment.unlink()

    def _keep_room(self) -> None:
        """Keep a file to take away from a full store: without any room borg begins nothing.

        If a quota ends the room, and not the disk, borg does not clean up either: it knows ENOSPC
        only.
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
        # To drop a set, borg needs free room for one segment. With borg's own 500 MB a segment,
        # nobody could empty a directory that is nearly full.
        self.borg("config", str(new), "max_segment_size", str(SEGMENT))
        new.rename(REPOSITORY)

    def add(
        self, directory: Path, names: Sequence[str], now: datetime, held: Callable[[], None]
    ) -> None:
        """Make a set of what is in the directory. It gets its name once it is whole.

        held: raises Failed if the directory was not of one moment
        """
        when = now.strftime(TIME)
        unfinished = f"{UNFINISHED}-{when}"
        # borg's cache is of no use in a set, and changes meanwhile.
        cache = f"--exclude=pp:{self._cache.relative_to('/')}"
        words = ("create", "--one-file-system", cache, "--", f"::{unfinished}", *names)
        self.borg(*words, cwd=directory)
        held()
        self.borg("rename", f"::{unfinished}", f"{SET}{when}")
        self._had.touch()

    def recover(self) -> None:
        """Make the sets usable again after a failure, also in a full store.

        Raises Failed, or OSError.
        """
        # A full store on ZFS frees the room of what was removed some seconds later. Until then it
        # may refuse to remove more.
        patiently(self._clear)
        self._keep_room()

    def _clear(self) -> None:
        ROOM.unlink(missing_ok=True)
        self._drop_torn()
        self.borg("break-lock")
        self.prune()

    def prune(self) -> None:
        """Drop the sets that are over the number, and what nights that failed have left.

        In a full store such left-overs take the room that the next night needs. A night that was
        killed leaves borg's checkpoints. A night that comes before the next pruning does not have
        to copy again what they hold.
        """
        self.borg("delete", f"--glob-archives={UNFINISHED}-{ANY_TIME}*")
        self.borg("prune", f"--glob-archives={SET}{ANY_TIME}", f"--keep-daily={self._keep}")
        self.borg("compact")

    def names(self) -> list[str]:
        """The names of the sets, the oldest first, and of what somebody has given such a name."""
        # A lock of borg's can only be of this host, and this program has the host's lock.
        listed = self.borg("list", "--bypass-lock", "--short", f"--glob-archives={SET}*")
        return listed.split("\n")[:-1]

    def check(self) -> None:
        """Read a part of the store; over the nights all of it. Raises Failed if it is damaged.

        Sets share what did not change between them, so they share damage too.
        """
        self.borg("check", "--repository-only", f"--max-duration={self._check}")
