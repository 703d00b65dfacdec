"""Pulls what a storage server has in new snapshots, dataset by dataset, by syncoid.

Runs on the host that keeps the copies as `pull.py FILE`, with nothing but Debian's Python, as a
user that may receive below the targets and do no more. FILE is JSON:

    host       the storage server, as ssh_config(5) knows it
    bandwidth  bytes a second at most
    copies     {source: target}, each a dataset below which all others are pulled
    seen       where it writes down what the server had, and when: for status.py
    stale      where it writes down what cannot be gone on with: for hold.py, which may give it up
    manifests  a directory for what the server has written down of its snapshots: for a drill

One question to the server tells what is new there, so that a pull that finds nothing is quick
however many datasets there are. What syncoid says counts for nothing: a dataset is done when the
newest snapshot of that first question is here.
"""

import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)+")
SNAPSHOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
COLUMNS = ("-o", "name,guid,createtxg,creation", "-s", "createtxg")
LIST = ["zfs", "list", "-Hp", "-t", "snapshot", *COLUMNS]
WHAT = ("-t", "filesystem,volume", "-o", "name,value")
TOKENS = ["zfs", "get", "-Hr", *WHAT, "receive_resume_token"]
LIST_SECONDS = 600
# A server in the wrong hands fills no disk here: a million files take about 50 MB.
FILE_BYTES = 2**28
# Large blocks, compressed and embedded ones as they are: as the source has them on its disks.
SEND = ("-L", "-c", "-e")


class Failed(Exception):
    """A dataset could not be pulled; says why."""


class Stale(Failed):
    """What was received of it in part is of a snapshot that the source has no more."""


@dataclass(frozen=True)
class Snapshot:
    """guid: the same on both sides, whatever the name; txg: in order on one side.

    created: seconds since 1970. A bookmark has all three of the snapshot that it was made of.
    """

    name: str
    guid: str
    txg: int
    created: int


@dataclass(frozen=True)
class Here:
    """What is here, by dataset: its snapshots, the oldest first; the token of a cut-off receive."""

    snapshots: dict[str, list[Snapshot]]
    tokens: dict[str, str]


@dataclass(frozen=True)
class Pull:
    """From which host, at how many bytes a second at most."""

    host: str
    bandwidth: int

    def dataset(self, source: str, target: str, there: list[Snapshot], here: Here) -> bool:
        """Bring the newest of the snapshots that are there; False if it is here. Raises Failed."""
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
        """Bring the first snapshot after the newest that is here, which is gone from the source.

        syncoid would take an older one that both have for the base, which cannot be received
        without going back to it.
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
        # Not by a limit of ssh's own: what writes here may be the process that holds the login.
        try:
            with new.open("wb") as out:
                pipe([*self.ssh, *words], ["head", "-c", str(FILE_BYTES + 1)], out=out)
            if new.stat().st_size > FILE_BYTES:
                raise Failed("it has no end")
        except Failed as error:
            new.unlink()
            raise Failed(f"{' '.join(words)}: {error}") from None
        new.replace(file)

    @property
    def ssh(self) -> list[str]:
        return ["ssh", self.host]

    def there(self, sources: list[str]) -> dict[str, list[Snapshot]]:
        """The snapshots of each dataset there, the oldest first. Raises Failed."""
        # Of the sources themselves, which have no files, an admin may have some.
        found = {
            name: them for name, them in snapshots(self.ask("list")).items() if name not in sources
        }
        for name in found:
            inside = any(name.startswith(f"{source}/") for source in sources)
            if not inside or not NAME.fullmatch(name):
                raise Failed(f"the source told of {name!r}, which was not asked for")
        return found


def fetch_manifests(
    pull: Pull, copies: dict[str, str], kept: dict[str, list[Snapshot]], directory: Path
) -> None:
    """Of each dataset that of the newest snapshot here, or else of the newest that has one.

    Raises Failed. Asks nothing if all are here. Those of snapshots that are gone are taken away.
    """
    missing: dict[str, list[Path]] = {}
    for target, snapshots in kept.items():
        if target in copies.values():
            continue
        place = directory / source_of(target, copies)
        files = [place / f"{each.name.partition('@')[2]}.gz" for each in reversed(snapshots)]
        for old in set(place.glob("*.gz")).difference(files):
            old.unlink()
        if not files[0].exists():
            missing[source_of(target, copies)] = files
    written = set(pull.ask("manifests")) if missing else set()
    for source, files in missing.items():
        newest = next((it for it in files if f"{source}/{it.name}" in written), None)
        if newest is not None and not newest.exists():
            newest.parent.mkdir(parents=True, exist_ok=True)
            pull.keep(newest, "manifest", f"{source}@{newest.stem}")


def source_of(target: str, copies: dict[str, str]) -> str:
    """The dataset of which this is the copy."""
    source, root = next(it for it in copies.items() if target.startswith(f"{it[1]}/"))
    return source + target.removeprefix(root)


def here(targets: list[str]) -> Here:
    """Of all that is below these, in two questions however much that is. Raises Failed."""
    rows = [line.partition("\t") for line in output([*TOKENS, *targets])]
    return Here(
        snapshots=snapshots(output([*LIST, "-r", *targets])),
        tokens={name: token for name, _, token in rows if token != "-"},
    )


def wanted_by(token: str) -> str:
    """The GUID of the snapshot that the token is for: zfs-send(8), of -n and -v with -t.

    Raises Failed.
    """
    # It ends badly where the snapshot itself is not, as here, and has said by then what it is.
    done = subprocess.run(
        ["zfs", "send", "-nvt", token], capture_output=True, text=True, check=False, timeout=60
    )
    found = re.search(r"^\s*toguid = (0x[0-9a-f]+)$", done.stdout + done.stderr, re.MULTILINE)
    if not found:
        raise Failed(f"cannot be read: the token of a receive that was cut off: {done.stderr}")
    return str(int(found[1], 16))


def snapshots(lines: list[str], mark: str = "@") -> dict[str, list[Snapshot]]:
    """By dataset, of `zfs list -Hp` with COLUMNS. Raises Failed for any other line.

    mark: what stands before its name, # of a bookmark
    """
    found: dict[str, list[Snapshot]] = defaultdict(list)
    for line in lines:
        fields = line.split("\t")
        dataset, _, snapshot = fields[0].partition(mark)
        numbers = fields[1:]
        if len(numbers) != 3 or not all(map(str.isdecimal, numbers)) or not snapshot:
            raise Failed(f"cannot be read: {line[:200]!r}")
        if SNAPSHOT.fullmatch(snapshot):
            guid, txg, created = numbers
            found[dataset].append(Snapshot(fields[0], guid, int(txg), int(created)))
    return dict(found)


def output(command: list[str]) -> list[str]:
    """The lines that the command prints. Raises Failed."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=False, timeout=LIST_SECONDS
    )
    if done.returncode != 0:
        raise Failed(f"{command[:3]} ended with {done.returncode}")
    return done.stdout.splitlines()


def pipe(*commands: list[str], out: IO[bytes] | None = None) -> None:
    """Each command's output to the next, and the last one's to out. Raises Failed if any fails."""
    running: list[subprocess.Popen[bytes]] = []
    for command in commands:
        before = running[-1].stdout if running else None
        after = out if command == commands[-1] else subprocess.PIPE
        running.append(subprocess.Popen(command, stdin=before or subprocess.DEVNULL, stdout=after))
        if before:
            # From here on the next one's alone: if that ends, this one does.
            before.close()
    ended = [each.wait() for each in running]
    if any(ended):
        names = [command[0] for command in commands]
        raise Failed(f"{' | '.join(names)} ended with {ended}")


def note(file: Path, content: Any) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(content))
    new.replace(file)


def main(settings: dict[str, Any]) -> int:
    """The number of datasets that could not be pulled."""
    pull = Pull(settings["host"], settings["bandwidth"])
    copies: dict[str, str] = settings["copies"]
    failed = pulled = 0
    stale: list[str] = []
    found = pull.there(list(copies))
    newest = {name: there[-1].created for name, there in found.items()}
    note(Path(settings["seen"]), {"at": int(time.time()), "newest": newest})
    targets = list(copies.values())
    kept = here(targets)
    for name, there in sorted(found.items()):
        source = next(source for source in copies if name.startswith(f"{source}/"))
        target = copies[source] + name.removeprefix(source)
        try:
            new = pull.dataset(name, target, there, kept)
            pulled += new
            print(f"{name}: {there[-1].name} {'pulled' if new else 'is here'}", flush=True)
        except Failed as error:
            failed += 1
            if isinstance(error, Stale):
                stale.append(target)
            print(f"{name}: not pulled: {error}", file=sys.stderr, flush=True)
    note(Path(settings["stale"]), stale)
    kept = here(targets) if pulled else kept
    fetch_manifests(pull, copies, kept.snapshots, Path(settings["manifests"]))
    return failed


if __name__ == "__main__":
    try:
        sys.exit(bool(main(json.loads(Path(sys.argv[1]).read_text()))))
    except Failed as error:
        sys.exit(f"the pull ended early: {error}")
