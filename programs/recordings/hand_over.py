"""Hands over what waits in the spool, one recording after the other."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from programs.recordings import Settings, plain
from programs.recordings.known import Copy, keep
from programs.recordings.names import SPOOLED
from programs.recordings.problems import Found, Problem
from programs.recordings.volume import digest_of

Put = Callable[[str, int, str], None]
"""Copies a file to the volume: its name, a descriptor, its SHA-256. Raises Problem."""


@dataclass(frozen=True)
class HandOver:
    """owner: the number of the account that fills the spool"""

    settings: Settings
    owner: int
    put: Put
    found: Found

    def all(self, now: dict[str, Copy]) -> None:
        """Hand over all files of the spool, and remove those that have a copy.

        now: what has been handed over. It grows, and is written down before a file goes
        """
        at = plain.directory(self.settings.spool)
        try:
            for file in _oldest_first(at):
                try:
                    self._one(at, file, now)
                except Problem as problem:
                    self.found.add(problem)
                    if problem.kind == "away":
                        # The others would wait in vain too.
                        return
                except OSError as error:
                    self.found.add(Problem("failed", f"{file} cannot be handed over: {error}"))
        finally:
            os.close(at)

    def _one(self, at: int, file: str, now: dict[str, Copy]) -> None:
        name, mark = file.removesuffix(".tar").rsplit(".", 1)
        if name not in now or now[name].mark != mark:
            now[name] = self._copied(at, file, name, mark)
            keep(self.settings, now)
        # The directory is the account's, and this removes a name from it: no link leads anywhere.
        os.unlink(file, dir_fd=at)

    def _copied(self, at: int, file: str, name: str, mark: str) -> Copy:
        source = plain.file(file, at)
        try:
            it = os.fstat(source)
            # A link to a file of somebody else's, which root would read for the account.
            if it.st_uid != self.owner or it.st_nlink != 1:
                raise Problem("odd", f"{file} in the spool is not BigBlueButton's own file")
            digest = digest_of(source)
            self.put(name, source, digest)
            return Copy(mark, digest, it.st_size, int(time.time()))
        finally:
            os.close(source)


def _oldest_first(at: int) -> list[str]:
    names = [it for it in plain.entries(at) if SPOOLED.fullmatch(it)]
    return sorted(names, key=lambda it: os.stat(it, dir_fd=at, follow_symlinks=False).st_mtime)
