"""A role's files as one set: one fact reads them, this module compares, one command writes."""

import base64
import hashlib
import io
import tarfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from engine.operation import Commands, ask, operation
from engine.report import diff, fail, tell
from facts.files import Paths, PathState
from operations import in_force
from operations.parties import GONE, in_name_of, roots_alone

# By host, the paths that a dry run found to differ: operations/systemd.py then says which units it
# would restart for them. In a run that writes, the host's notes say so, even after a crash.
pending: dict[str, set[str]] = defaultdict(set)


@dataclass(frozen=True)
class File:
    """A plain file. A secret's content is never shown, in diffs or elsewhere."""

    path: str
    content: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    secret: bool = False


@dataclass(frozen=True)
class Directory:
    """A directory. What is in the directory stays as it is."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class Link:
    """A symbolic link to `target`."""

    path: str
    target: str


@dataclass(frozen=True)
class Absent:
    """A file or link that must not be there. A directory of that name stays, and fails the host."""

    path: str


Entry = File | Directory | Link | Absent


@operation()
def present(entries: Sequence[Entry], by: str = "root") -> Commands:
    """These files, directories and links are on the host, with content, owner and mode.

    entries: what stands there twice, such as a part of two programs, is one
    by: whose powers write: an account's for what lies below a directory of that account, and then
        all entries are the account's. Root's write nothing that others than root could move

    A rename replaces each file, so that a reader sees the old or the new file whole, also after a
    reset of the machine. Makes parent directories that are missing. Never removes anything but the
    paths named as Absent. Never replaces a directory by something else, or something else by a
    directory: such a path fails the host.

    Example::

        files.present(
            name="Files",
            entries=[
                files.Directory("/var/lib/board", 0o750, owner="board"),
                files.File("/etc/board/board.conf", "port = 8080\\n", 0o640, group="board"),
                files.Link("/etc/nginx/sites-enabled/board", "../sites-available/board"),
                files.Absent("/etc/nginx/sites-enabled/default"),
            ],
        )
    """
    if strange := [it.path for it in entries if by != "root" and _owner(it) not in (by, None)]:
        raise ValueError(f'{by} cannot give away {", ".join(strange)}: say by="root"')
    entries = [*dict.fromkeys(entries)]
    paths = [entry.path for entry in entries]
    if twice := sorted({it for it in paths if paths.count(it) > 1}):
        raise ValueError(f"{', '.join(twice)} cannot be two things: take one of them out")
    secrets = [entry.path for entry in entries if isinstance(entry, File) and entry.secret]
    plain = [entry.path for entry in entries if entry.path not in secrets]
    now = yield from ask(Paths, paths=plain, secrets=secrets)
    wrong = differing(entries, now)
    if not wrong:
        host.noop("all files are as wanted")
        return
    if reason := refusal(wrong, now):
        yield fail(reason)
        return
    for entry in wrong:
        pending[host.name].add(entry.path)
        explain(entry, now.get(entry.path))
    yield write(wrong, by)


def _owner(entry: Entry) -> str | None:
    return entry.owner if isinstance(entry, File | Directory) else None


def differing(entries: Sequence[Entry], now: Mapping[str, PathState]) -> list[Entry]:
    """The entries that are not on the host as they should be."""
    return [entry for entry in entries if not _matches(entry, now.get(entry.path))]


def _matches(entry: Entry, state: PathState | None) -> bool:
    if isinstance(entry, Absent) or state is None:
        return isinstance(entry, Absent) and state is None
    if isinstance(entry, Link):
        return state.kind == "link" and state.target == entry.target
    if (state.mode, state.owner, state.group) != (entry.mode, entry.owner, entry.group):
        return False
    if isinstance(entry, Directory):
        return state.kind == "directory"
    if entry.secret:
        return state.digest == _digest(entry)
    return state.kind == "file" and state.content == entry.content.encode()


def _in_the_way(entry: Entry, state: PathState | None) -> bool:
    return state is not None and (state.kind == "directory") != isinstance(entry, Directory)


def refusal(entries: Sequence[Entry], now: Mapping[str, PathState]) -> str | None:
    """Why these entries must not be written: what is in the way; None if nothing is."""
    blocked = [entry for entry in entries if _in_the_way(entry, now.get(entry.path))]
    if not blocked:
        return None
    where = ", ".join(f"{entry.path} (a {now[entry.path].kind})" for entry in blocked)
    return f"something else stands at {where}: move it away and run again; nothing was changed"


def explain(entry: Entry, state: PathState | None) -> None:
    """Tells what is to change about the path."""
    if isinstance(entry, Absent):
        tell(f"{entry.path}: present -> absent")
        return
    if isinstance(entry, Link):
        before = state.target or state.kind if state else "absent"
        tell(f"{entry.path}: {before} -> link to {entry.target}")
        return
    if state is None:
        _explain_new(entry)
        return
    if _rights(state) != _rights(entry):
        tell(f"{entry.path}: {_rights(state)} -> {_rights(entry)}")
    if isinstance(entry, File):
        _explain_content(entry, state)


def _explain_new(entry: File | Directory) -> None:
    if isinstance(entry, Directory):
        tell(f"{entry.path}: absent -> directory {_rights(entry)}")
    elif entry.secret:
        tell(f"{entry.path}: absent -> file {_rights(entry)} (secret, not shown)")
    else:
        diff(entry.path, None, entry.content, f"file {_rights(entry)}")


def _explain_content(entry: File, state: PathState) -> None:
    if entry.secret:
        if state.digest != _digest(entry):
            tell(f"{entry.path}: content changes (secret, not shown)")
        return
    if state.kind != "file":
        tell(f"{entry.path}: {state.kind} -> file")
    if state.size is not None:
        tell(f"{entry.path}: {state.size} bytes, too much to show -> the content that is wanted")
        return
    old = (state.content or b"").decode(errors="replace")
    if old != entry.content and old.splitlines() == entry.content.splitlines():
        tell(f"{entry.path}: only the ends of lines change")
    diff(entry.path, old, entry.content)


def _digest(entry: File) -> str:
    return hashlib.sha256(entry.content.encode()).hexdigest()


def _rights(entry: PathState | File | Directory) -> str:
    return f"{entry.owner}:{entry.group} {entry.mode:04o}"


def write(entries: Sequence[Entry], by: str = "root") -> StringCommand:
    """One command that unpacks a tar from stdin beside the old files, and renames the new files.

    by: as in `present`

    Contents on stdin are in no process list and no log.
    """
    files = [entry.path for entry in entries if isinstance(entry, File)]
    renames = [entry.path for entry in entries if isinstance(entry, File | Link)]
    absent = [entry.path for entry in entries if isinstance(entry, Absent)]
    written = [entry.path for entry in entries if not isinstance(entry, Absent)]
    script = ["set -e", "umask 022", *(roots_alone(written) if by == "root" else [])]
    # -m: with the present time. systemd takes a unit file for changed only if its mtime is newer.
    script += [*_known(entries), "base64 -d | tar -x -m -P -p -f -"]
    if files:
        # Without the sync ext4 would keep the name without the content when the machine is reset.
        script.append(f"sync -- {' '.join(quote(_beside(path)) for path in files)}")
    if by == "root":
        # No unit reads what lies in the directories of others.
        script.append(in_force.written(entry.path for entry in entries))
    script += [f"mv -f -T {quote(_beside(path))} {quote(path)}" for path in renames]
    if absent:
        script += [GONE, *(f"gone {quote(path)}" for path in absent)]
    if files:
        script.append(f"sync -f -- {' '.join(map(quote, files))}")
    return StringCommand(in_name_of(by, "; ".join(script)), _stdin=_archive(entries))


def _beside(path: str) -> str:
    """Where a new file waits for its rename: a name that no `include *` of any program reads."""
    directory, _, name = path.rpartition("/")
    return f"{directory}/.{name}.coop-new"


def _known(entries: Sequence[Entry]) -> list[str]:
    """Checks of owners and groups: if one is unknown, tar makes the file root's without a word."""
    owned = [entry for entry in entries if isinstance(entry, File | Directory)]
    names = {("passwd", entry.owner) for entry in owned} | {
        ("group", entry.group) for entry in owned
    }
    return [
        f"getent {table} {quote(name)} >/dev/null || "
        f"{{ echo {table} has no {quote(name)} >&2; exit 1; }}"
        for table, name in sorted(names)
        if name != "root"
    ]


def _archive(entries: Sequence[Entry]) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in entries:
            if isinstance(entry, Absent):
                continue
            content = entry.content.encode() if isinstance(entry, File) else b""
            archive.addfile(_member(entry, len(content)), io.BytesIO(content))
    return base64.b64encode(buffer.getvalue()).decode()


def _member(entry: File | Directory | Link, size: int) -> tarfile.TarInfo:
    if isinstance(entry, Link):
        member = tarfile.TarInfo(_beside(entry.path))
        member.type, member.linkname = tarfile.SYMTYPE, entry.target
        member.uname = member.gname = "root"
        return member
    member = tarfile.TarInfo(_beside(entry.path) if isinstance(entry, File) else entry.path)
    member.type = tarfile.REGTYPE if isinstance(entry, File) else tarfile.DIRTYPE
    member.mode, member.uname, member.gname, member.size = (
        entry.mode,
        entry.owner,
        entry.group,
        size,
    )
    return member
