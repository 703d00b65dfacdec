"""What the storage server has, and how one dataset is pulled from there."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from programs.offsite.pull.command import Failed, output, pipe
from programs.offsite.pull.snapshots import LIST, Here, Snapshot, snapshots, wanted_by
from programs.shared.whole import put

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)+")
# No manifest may be larger, so that a server in the wrong hands fills no disk here. The manifest of
# a million files takes about 50 MB.
FILE_BYTES = 2**28
# Blocks that are large, compressed or embedded are sent as they are on the source's disks.
SEND = ("-L", "-c", "-e")


class Stale(Failed):
    """A part that was received is of a snapshot that the source no longer has."""


@dataclass(frozen=True)
class Pull:
    """A pull from this host, at so many bytes a second at most."""

    host: str
    bandwidth: int

    def dataset(self, source: str, target: str, there: list[Snapshot], here: Here) -> bool:
        """Bring the newest snapshot of the source; False if it was here. Raises Failed."""
        kept, newest = here.snapshots.get(target, []), there[-1]
        if target in here.tokens:
            if wanted_by(here.tokens[target]) not in {each.guid for each in there}:
                raise Stale(
                    "the source has pruned what a pull that was cut off was about. The part that "
                    "is here is given up now, and the next pull goes on from what is whole"
                )
        elif kept:
            head = kept[-1]
            if head.guid == newest.guid:
                return False
            if head.guid not in {each.guid for each in there}:
                self._from_bookmark(source, target, head, there)
        self._syncoid(source, target)
        arrived = snapshots(output([*LIST, "-d", "1", target]))
        if newest.guid not in {each.guid for each in arrived.get(target, [])}:
            raise Failed(f"{newest.name} has not arrived")
        return True

    def _syncoid(self, source: str, target: str) -> None:
        done = subprocess.run(
            [
                "syncoid",
                *("--no-sync-snap", "--no-rollback", "--no-privilege-elevation", "--quiet"),
                *("--compress=none", f"--target-bwlimit={self.bandwidth}"),
                *(f"--sendoptions={''.join(flag[1] for flag in SEND)}", "--recvoptions=u"),
                f"{self.host}:{source}",
                target,
            ],
            check=False,
        )
        if done.returncode != 0:
            raise Failed(f"syncoid ended with {done.returncode}")

    def _from_bookmark(
        self, source: str, target: str, head: Snapshot, there: list[Snapshot]
    ) -> None:
        """Bring the snapshot that follows `head`, the newest here, which is gone from the source.

        syncoid would start from an older snapshot that both sides have. The copy would have to be
        rolled back to receive that.
        """
        marks = snapshots(self.ask("bookmarks", source), "#").get(source, [])
        mark = next((each for each in marks if each.guid == head.guid), None)
        following = next((each for each in there if mark and each.txg > mark.txg), None)
        if mark is None or following is None:
            raise Failed(
                f"the source has neither a snapshot nor a bookmark of {head.name}, the newest "
                "here. Was it rolled back or made anew? What is here is kept: docs/offsite.md"
            )
        send = ["zfs", "send", *SEND, "-i", mark.name, following.name]
        pipe(
            [*self.ssh, *send],
            ["mbuffer", "-q", "-m", "16M", "-r", str(self.bandwidth)],
            ["zfs", "receive", "-s", "-u", target],
        )

    def ask(self, *words: str) -> list[str]:
        """The lines of the server's answer. Raises Failed."""
        return output([*self.ssh, *words])

    def keep(self, file: Path, *words: str) -> None:
        """Write the server's answer into the file, whole or not at all. Raises Failed."""
        new = file.with_suffix(".new")
        # head sets the limit, and not a limit on ssh: the ssh that writes here may be the process
        # that holds the login for later questions.
        try:
            with new.open("wb") as out:
                pipe([*self.ssh, *words], ["head", "-c", str(FILE_BYTES + 1)], out=out)
            if new.stat().st_size > FILE_BYTES:
                raise Failed("it has no end")
        except Failed as error:
            new.unlink()
            raise Failed(f"{' '.join(words)}: {error}") from None
        put(new, file)

    @property
    def ssh(self) -> list[str]:
        return ["ssh", self.host]

    def there(self, sources: list[str]) -> dict[str, list[Snapshot]]:
        """The snapshots of each dataset on the server, the oldest first. Raises Failed.

        Tells of a dataset whose name the key does not admit, and leaves it out: no host has such a
        dataset, but an admin may have made one beside those of the hosts.
        """
        found: dict[str, list[Snapshot]] = {}
        for name, them in snapshots(self.ask("list")).items():
            if name in sources:
                # An admin may have taken snapshots of the sources themselves, which have no files.
                continue
            if not any(name.startswith(f"{source}/") for source in sources):
                raise Failed(f"the source told of {name!r}, which was not asked for")
            if NAME.fullmatch(name):
                found[name] = them
            else:
                remedy = "zfs rename it on the source if it is to be copied"
                print(f"{name!r}: not pulled: no pull takes such a name; {remedy}", file=sys.stderr)
        return found
