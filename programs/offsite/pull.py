"""Pulls the new snapshots of a storage server, dataset by dataset, with syncoid.

`pull.py FILE` runs on the host that keeps the copies, with nothing but Debian's Python, as an
account that may receive below the targets and do no more. FILE is JSON:

    host       the storage server, as ssh_config(5) knows it
    bandwidth  bytes a second at most
    copies     {source: target}: datasets; all that is below a source is pulled below its target
    seen       the file for what the server had, and when: status.py reads it
    stale      the file for the datasets with a part that no pull can go on with: hold.py gives the
               part up
    manifests  the directory for the server's manifests: drills read them

One question to the server tells what is new there. So a pull that finds nothing is quick, however
many datasets there are. What syncoid says does not count: a dataset is done when the newest
snapshot of that first question is here.
"""

import json
import os
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
TOKEN_SECONDS = 60.0
# No manifest may be larger, so that a server in the wrong hands fills no disk here. The manifest of
# a million files takes about 50 MB.
FILE_BYTES = 2**28
# Blocks that are large, compressed or embedded are sent as they are on the source's disks.
SEND = ("-L", "-c", "-e")


class Failed(Exception):
    """A dataset could not be pulled; says why."""


class Stale(Failed):
    """A part that was received is of a snapshot that the source no longer has."""


@dataclass(frozen=True)
class Snapshot:
    """A snapshot, or a bookmark with guid, txg and time of the snapshot that it was made of.

    guid: the same on both sides, whatever the name
    txg: gives the order on one side
    created: seconds since 1970
    """

    name: str
    guid: str
    txg: int
    created: int


@dataclass(frozen=True)
class Here:
    """By dataset: the snapshots here, the oldest first; the token of a receive that was cut off."""

    snapshots: dict[str, list[Snapshot]]
    tokens: dict[str, str]


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


def fetch_manifests(
    pull: Pull, copies: dict[str, str], kept: dict[str, list[Snapshot]], directory: Path
) -> None:
    """By dataset, fetch the manifest of the newest snapshot here, or else of the newest with one.

    Asks nothing if all are here. Removes the manifests of snapshots that are gone. Raises Failed
    once each was tried.
    """
    missing: dict[str, list[Path]] = {}
    failed: list[str] = []
    for target, snapshots in kept.items():
        if target in copies.values():
            continue
        place = directory / source_of(target, copies)
        files = [place / f"{each.name.partition('@')[2]}.gz" for each in reversed(snapshots)]
        for old in set(place.glob("*.gz")).difference(files):
            # A dataset below this one may have such a name, and is a directory here.
            if not old.is_dir():
                old.unlink()
        if not files[0].exists():
            missing[source_of(target, copies)] = files
    written = set(pull.ask("manifests")) if missing else set()
    for source, files in missing.items():
        newest = next((it for it in files if f"{source}/{it.name}" in written), None)
        try:
            if newest is not None and not newest.exists():
                newest.parent.mkdir(parents=True, exist_ok=True)
                pull.keep(newest, "manifest", f"{source}@{newest.stem}")
        except Exception as error:
            failed.append(str(error))
    if failed:
        raise Failed("; ".join(failed))


def source_of(target: str, copies: dict[str, str]) -> str:
    """The server's dataset that is copied to the target."""
    source, root = next(it for it in copies.items() if target.startswith(f"{it[1]}/"))
    return source + target.removeprefix(root)


def here(targets: list[str]) -> Here:
    """What is below the targets, in two questions however much that is. Raises Failed."""
    rows = [line.partition("\t") for line in output([*TOKENS, *targets])]
    return Here(
        snapshots=snapshots(output([*LIST, "-r", *targets])),
        tokens={name: token for name, _, token in rows if token != "-"},
    )


def wanted_by(token: str) -> str:
    """The GUID of the snapshot that the token is for, from `zfs send -nvt`: zfs-send(8).

    Raises Failed.
    """
    # zfs fails, because the snapshot is not here. By then it has printed what the token is for.
    try:
        done = subprocess.run(
            ["zfs", "send", "-nvt", token],
            capture_output=True,
            text=True,
            errors="backslashreplace",
            check=False,
            timeout=TOKEN_SECONDS,
        )
    except subprocess.TimeoutExpired:
        message = f"zfs did not read the token of a receive within {TOKEN_SECONDS} s"
        raise Failed(message) from None
    found = re.search(r"^\s*toguid = (0x[0-9a-f]+)$", done.stdout + done.stderr, re.MULTILINE)
    if not found:
        raise Failed(f"cannot be read: the token of a receive that was cut off: {done.stderr}")
    return str(int(found[1], 16))


def snapshots(lines: list[str], mark: str = "@") -> dict[str, list[Snapshot]]:
    """By dataset, from lines of `zfs list -Hp` with COLUMNS. Raises Failed for any other line.

    mark: what stands before the name: @ of a snapshot, # of a bookmark
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
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, errors="backslashreplace", check=False,
            timeout=LIST_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[:3]} did not end within {LIST_SECONDS} s") from None
    if done.returncode != 0:
        raise Failed(f"{command[:3]} ended with {done.returncode}")
    return done.stdout.splitlines()


def pipe(*commands: list[str], out: IO[bytes] | None = None) -> None:
    """Run the commands as a pipe; the last one prints to `out`. Raises Failed if any fails."""
    running: list[subprocess.Popen[bytes]] = []
    for command in commands:
        before = running[-1].stdout if running else None
        after = out if command == commands[-1] else subprocess.PIPE
        running.append(subprocess.Popen(command, stdin=before or subprocess.DEVNULL, stdout=after))
        if before:
            # Only the next command still has this end: if that command ends, this one ends too.
            before.close()
    ended = [each.wait() for each in running]
    if any(ended):
        names = [command[0] for command in commands]
        raise Failed(f"{' | '.join(names)} ended with {ended}")


def note(file: Path, content: Any) -> None:
    """Write the content as JSON, whole or not at all."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(content))
    put(new, file)


def put(new: Path, file: Path) -> None:
    """Put a new file in its place, whole or not at all, also if the machine is reset then.

    Without the fsync a reset may leave an empty file there. Raises OSError.
    """
    with new.open("rb") as content:
        os.fsync(content.fileno())
    new.replace(file)


def main(settings: dict[str, Any]) -> int:
    """Pull everything; returns how many datasets could not be pulled. Raises Failed."""
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
        except Exception as error:
            # Whatever it is, the other datasets have nothing to do with it.
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
