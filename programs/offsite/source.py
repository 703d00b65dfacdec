"""The forced command of a pull key: all that whoever holds the key may do on the storage server.

`source ROOT...` runs on the storage server, with nothing but Debian's Python. sshd puts the
command that was asked for into SSH_ORIGINAL_COMMAND: sshd(8). The program splits the command into
words, no shell ever sees them, and the program refuses all but the shapes below. These are the
commands of syncoid 2.1.0 with the options of a pull, and these of a pull's own:

    list, bookmarks DATASET, manifest SNAPSHOT
    manifests   the names of the manifests that the program manifest has written

ROOT: a dataset; the key reads what is below one of them, and nothing else
"""

import os
import re
import shlex
import subprocess
import sys
import syslog

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)+")
# All that ZFS takes, because a stream from one snapshot to another has those between: zfs(8).
SNAPSHOT = re.compile(r"[A-Za-z0-9_.: -]+")
TOKEN = re.compile(r"[0-9]-[0-9a-f]{1,16}-[0-9a-f]{1,8}-[0-9a-f]{2,4096}")
GUIDS = ("toguid", "fromguid")
NUMBER = re.compile(r"0x[0-9a-f]{1,16}")
COLUMNS = ["-o", "name,guid,createtxg,creation", "-s", "createtxg"]
FLAGS = ["-L", "-c", "-e"]
MANIFESTS = "/var/lib/coop-manifests"
TOKEN_SECONDS = 60.0


class Refused(Exception):
    """The command is none of those that may be asked for."""


def command_for(asked: str, roots: list[str]) -> list[str]:
    """The program and its arguments that answer what was asked for; [] if there is no answer.

    Raises Refused.
    """
    try:
        words = shlex.split(asked)
    except ValueError:
        raise Refused(asked) from None
    match words:
        # syncoid tries its connection with these.
        case ["exit"] | ["echo", "-n"]:
            return []
        case ["list"]:
            return ["zfs", "list", "-Hpr", "-t", "snapshot", *COLUMNS, *roots]
        case ["bookmarks", dataset] if _is_below(dataset, roots):
            return ["zfs", "list", "-Hpd", "1", "-t", "bookmark", *COLUMNS, dataset]
        case ["manifests"]:
            return ["find", MANIFESTS, "-name", "*.gz", "-printf", "%P\\n"]
        case ["manifest", snapshot] if _is_snapshot(snapshot, roots):
            return ["cat", "--", f"{MANIFESTS}/{snapshot.replace('@', '/')}.gz"]
    if not _is_syncoids(words, roots):
        raise Refused(asked)
    return words


def _is_syncoids(words: list[str], roots: list[str]) -> bool:
    match words:
        case ["zpool", "get", "-o", "value", "-H", "feature@extensible_dataset", pool]:
            return pool in {root.split("/")[0] for root in roots}
        case ["zfs", "get", "-H", "syncoid:sync", dataset]:
            return _is_below(dataset, roots)
        case ["zfs", "get", "-Hpd", "1", "-t", "snapshot", "guid,creation", dataset]:
            return _is_below(dataset, roots)
        case ["zfs", "send", *arguments]:
            return _may_be_sent(arguments, roots)
    return False


def _may_be_sent(arguments: list[str], roots: list[str]) -> bool:
    plain = [it for it in arguments if it not in (*FLAGS, "-nvP")]
    match plain:
        case [snapshot]:
            return _is_snapshot(snapshot, roots)
        case ["-I", base, snapshot]:
            return _are_of_one(base, "@", snapshot, roots)
        case ["-i", base, snapshot]:
            return _are_of_one(base, "#", snapshot, roots)
        case ["-t", token]:
            return bool(TOKEN.fullmatch(token)) and _names_one(token, roots)
    return False


def _is_below(dataset: str, roots: list[str]) -> bool:
    inside = any(dataset.startswith(f"{root}/") for root in roots)
    return inside and bool(NAME.fullmatch(dataset))


def _is_snapshot(name: str, roots: list[str], mark: str = "@") -> bool:
    dataset, _, snapshot = name.partition(mark)
    return _is_below(dataset, roots) and bool(SNAPSHOT.fullmatch(snapshot))


def _are_of_one(base: str, mark: str, snapshot: str, roots: list[str]) -> bool:
    same = base.partition(mark)[0] == snapshot.partition("@")[0]
    return same and _is_snapshot(base, roots, mark) and _is_snapshot(snapshot, roots)


def _names_one(token: str, roots: list[str]) -> bool:
    """Whether the token is for a snapshot that may be sent: whoever makes a token can name any.

    With -n and -v zfs prints what the token holds, and sends nothing: zfs-send(8). zfs finds the
    snapshots by their GUIDs, in the whole pool if the dataset of the name does not have them. So
    the dataset must have them.
    """
    said = _said("zfs", "send", "-nvt", token)
    names = re.findall(r"^\s*toname = (.*)$", said, re.MULTILINE)
    if len(names) != 1 or not _is_snapshot(names[0], roots):
        return False
    columns = ("-t", "snapshot,bookmark", "-o", "guid")
    listed = _said("zfs", "list", "-Hpd", "1", *columns, names[0].partition("@")[0])
    to, base = (re.findall(rf"^\s*{it} = (.*)$", said, re.MULTILINE) for it in GUIDS)
    # zfs prints them in hexadecimal. A stream of a whole snapshot has no base.
    wanted = {int(it, 16) if NUMBER.fullmatch(it) else None for it in (*to, *base)}
    return len(to) == 1 and wanted <= {int(it) for it in listed.split() if it.isdecimal()}


def _said(*command: str) -> str:
    """What the command prints, errors too; nothing if that takes longer than TOKEN_SECONDS."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="backslashreplace", check=False,
            timeout=TOKEN_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ""
    return f"{done.stdout}\n{done.stderr}"


def main(roots: list[str]) -> None:
    asked = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    try:
        command = command_for(asked, roots)
    except Refused:
        whence = os.environ.get("SSH_CONNECTION", "?").split(" ")[0]
        syslog.syslog(syslog.LOG_WARNING, f"refused, from {whence}: {asked[:1000]!r}")
        sys.exit("refused: this key only pulls snapshots")
    if command:
        os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
