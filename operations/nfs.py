"""The NFS server's exports. Sources: exports(5), exportfs(8) of nfs-utils 2.6."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from shlex import quote

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import diff, fail, script, tell, warn
from facts.nfs import EXPORTS, Exports, ExportsState

HEADER = "# Written as a whole by pyinfra: an edit here is lost. Files in exports.d are moved away."
# These units belong to NFS before version 4. On a host with nfs-common they listen to the world.
OLD_UNITS = ("rpcbind.service", "rpcbind.socket", "rpc-statd.service")
KEPT = "# Not declared. Taken away once its client has nothing mounted from here any more:"
# crossmnt and nohide also export what is mounted below. Then nobody can take a child away alone.
FORBIDDEN = {"crossmnt", "nohide"}
# If one of these options is in force, and not wanted, the export is more open than it should be.
LOOSE = {*FORBIDDEN, "rw", "async", "insecure", "no_root_squash", "no_acl"}
ALIASES = {"mp": "mountpoint", "fsid=root": "fsid=0", "no_auth_nlm": "insecure_locks"}


@dataclass(frozen=True)
class Entry:
    """An export as it is found, not checked: a directory for one client of exports(5)."""

    path: str
    client: str
    options: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """The path, and the client in one spelling. Entries with one key are the same export."""
        network = _network(self.client)
        if network is None:
            return self.path, self.client
        return self.path, str(network[0] if network.num_addresses == 1 else network)

    def line(self) -> str:
        """The line of /etc/exports, which has an unusual character of a path in octal."""
        path = re.sub(r"[\s\\\"#]", lambda match: f"\\{ord(match[0]):03o}", self.path)
        return f"{path} {self.client}({','.join(self.options)})"


@dataclass(frozen=True)
class Export(Entry):
    """An export as it should be: one directory, one client (address, network, name, pattern).

    options: as in exports(5), which says what holds for an option that is left out
    """

    def __post_init__(self) -> None:
        """Raises ValueError for what exports(5) would read as something else, and for FORBIDDEN."""
        if not re.fullmatch(r"(/[^/\n]+)+", self.path):
            raise ValueError(f"{self.path!r} is not an absolute path")
        if not re.fullmatch(r"[^\s()#]+", self.client):
            raise ValueError(f"{self.path}: {self.client!r} is not a client; * means everybody")
        for option in self.options:
            if not re.fullmatch(r"[^\s(),#]+", option):
                raise ValueError(f"{self.path}: {option!r} is not an option")
            if option in FORBIDDEN:
                raise ValueError(f"{self.path}: {option} is never used; export each filesystem")


@operation()
def exports(wanted: Sequence[Export]) -> Commands:
    """These directories are exported, to these clients, with these options, and no others.

    Owns /etc/exports as a whole, and with it the table that is in force. Renames the files in
    /etc/exports.d that exportfs reads to <name>.disabled. Fails the host if an export is not in
    force afterwards, e.g. because a client's name does not resolve.

    Takes away an export that is not wanted, unless an address of its client has NFSv4 state on this
    server. Then the export stays, in the file too, and the operation warns about it.

    Never unmounts or stops anything, never deletes a file, and never uses ZFS's sharenfs.
    """
    seen: ExportsState = yield from ask(Exports)
    counts = Counter(export.key for export in wanted)
    if twice := [f"{path} to {client}" for (path, client), n in counts.items() if n > 1]:
        yield fail(f"declared twice: {', '.join(twice)}")
        return
    undeclared = [entry for entry in _live(seen) if entry.key not in counts]
    # A client with a declared export of its own does not keep an export to a whole network alive.
    others = seen.clients - {client for _, client in counts}
    kept = [entry for entry in undeclared if _is_in_use(entry, seen.clients, others)]
    away = [entry for entry in undeclared if entry not in kept]
    for entry in kept:
        client = f"[{entry.client}]" if ":" in entry.client else entry.client
        warn(
            f"{entry.path} is exported to {entry.client}, which is not declared; kept while that "
            f"has NFS mounts from here (at once: exportfs -u '{client}:{entry.path}')"
        )
    text = _render(wanted, kept)
    if seen.file == text and not (away or seen.others or _missing(wanted, seen)):
        host.noop(f"{len(wanted)} exports are as wanted")
        return

    _tell_all(wanted, away, seen, text)
    yield script(*_write(seen, text), "exportfs -ra")
    # exportfs(8) reports success for a client whose name it could not resolve.
    if missing := _missing(wanted, (yield from ask(Exports))):
        yield fail(f"not in force: {', '.join(export.line() for export in missing)}")


def _live(seen: ExportsState) -> list[Entry]:
    return [Entry(path, client, options) for (path, client), options in seen.live.items()]


def _missing(wanted: Sequence[Export], seen: ExportsState) -> list[Export]:
    """The wanted exports that are not in force, or not with these options."""
    live = {entry.key: set(entry.options) for entry in _live(seen)}
    return [export for export in wanted if not _is_met(export, live.get(export.key))]


def _is_met(export: Export, live: set[str] | None) -> bool:
    options = {ALIASES.get(option, option) for option in export.options}
    return live is not None and options <= live and not (live & LOOSE) - options


def _is_in_use(entry: Entry, clients: Collection[str], others: Collection[str]) -> bool:
    """Whether a client uses the entry.

    clients: all that have something mounted; others: those of them without a declared export
    """
    network = _network(entry.client)
    if network is None:
        # A name or a pattern could stand for any client.
        return bool(others)
    some = clients if network.num_addresses == 1 else others
    return any(_network(client) is None or ip_address(client) in network for client in some)


def _network(client: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(client, strict=False)
    except ValueError:
        return None


def _render(wanted: Sequence[Export], kept: Sequence[Entry]) -> str:
    lines = [HEADER, *sorted(export.line() for export in wanted)]
    if kept:
        lines += [KEPT, *sorted(entry.line() for entry in kept)]
    return "\n".join([*lines, ""])


def _tell_all(
    wanted: Sequence[Export], away: Sequence[Entry], seen: ExportsState, text: str
) -> None:
    if seen.file != text:
        diff(EXPORTS, seen.file, text)
    for file in seen.others:
        tell(f"{file}: to be renamed to {file}.disabled")
    for export in _missing(wanted, seen):
        tell(f"{export.path}: to be exported to {export.client}")
    for entry in away:
        tell(f"{entry.path}: no longer exported to {entry.client}")


def _write(seen: ExportsState, text: str) -> Iterator[str]:
    if seen.file != text:
        yield f"printf %s {quote(text)} >{EXPORTS}.new"
        yield f"chmod 0644 {EXPORTS}.new"
        yield f"sync {EXPORTS}.new"
        yield f"mv -f {EXPORTS}.new {EXPORTS}"
    for file in seen.others:
        yield f"mv --backup=numbered -- {quote(file)} {quote(file)}.disabled"
