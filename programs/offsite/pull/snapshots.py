"""The snapshots of both sides, as zfs lists them."""

import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass

from programs.offsite.pull.command import Failed, output

SNAPSHOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
COLUMNS = ("-o", "name,guid,createtxg,creation", "-s", "createtxg")
LIST = ["zfs", "list", "-Hp", "-t", "snapshot", *COLUMNS]
WHAT = ("-t", "filesystem,volume", "-o", "name,value")
TOKENS = ["zfs", "get", "-Hr", *WHAT, "receive_resume_token"]
TOKEN_SECONDS = 60.0


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


def here(targets: list[str]) -> Here:
    """What is below the targets, in two questions however much that is. Raises Failed."""
    rows = [line.partition("\t") for line in output([*TOKENS, *targets])]
    return Here(
        snapshots=snapshots(output([*LIST, "-r", *targets])),
        tokens={name: token for name, _, token in rows if token != "-"},
    )


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
