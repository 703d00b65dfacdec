"""NFS exports on a server, and mounts as a client sees them.

Formats: exportfs(8), exports(5) of nfs-utils 2.6, proc(5) for mountinfo.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from itertools import zip_longest
from shlex import quote

from engine.fact import Fact, lines_of, sections, unescaped, whole

EXPORTS = "/etc/exports"
EXPORTS_DIRECTORY = "/etc/exports.d"


@dataclass(frozen=True)
class ExportsState:
    """What an NFS server exports.

    live: {(path, client): options} in force, defaults included, in order: the options after a sec=
        belong to that sec=
    file: the content of /etc/exports, None if there is no such file
    others: the files in /etc/exports.d that exportfs reads too
    clients: addresses with NFSv4 state, which means that they have something mounted. NFSv3 leaves
        no state. An address that the server has not confirmed may be anybody's, and has none either
    """

    live: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    file: str | None = None
    others: tuple[str, ...] = ()
    clients: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Mount:
    """The topmost mount at a path. An automount that nothing has triggered is not a mount.

    options: rw or ro first, then those of the mount and of the filesystem
    answers: whether the filesystem told its size within 5 seconds. It does not if its server is
        away, or if it is a FUSE filesystem whose program has died
    """

    fstype: str
    source: str
    options: tuple[str, ...]
    answers: bool


class Exports(Fact[ExportsState]):
    """The exports in force and in files, and the clients that use any. Empty without a server."""

    def command(self) -> str:
        # Not `exportfs -s`, which leaves out secure, insecure and no_acl: its output is too
        # little to put an export back. exportfs(8) calls etab the master export table.
        return whole(f"""\
echo '##live'
cat /var/lib/nfs/etab 2>/dev/null
if [ -e {EXPORTS} ]; then echo '##file'; base64 -w 0 {EXPORTS}; echo; fi
echo '##others'
for file in {EXPORTS_DIRECTORY}/*.exports; do [ -e "$file" ] && printf '%s\\n' "$file"; done
echo '##clients'
grep -h -e '^address:' -e '^status:' /proc/fs/nfsd/clients/*/info 2>/dev/null""")

    @staticmethod
    def default() -> ExportsState:
        return ExportsState()

    def parse(self, output: list[str]) -> ExportsState:
        entries = (_entry(line) for line in lines_of(output, "live"))
        file = [section.lines[0] for section in sections(output) if section.title == "file"]
        addresses = map(_address, _confirmed(lines_of(output, "clients")))
        return ExportsState(
            dict(entry for entry in entries if entry),
            base64.b64decode(file[0], validate=True).decode(errors="replace") if file else None,
            tuple(lines_of(output, "others")),
            frozenset(address for address in addresses if address),
        )


class Mounts(Fact[dict[str, Mount | None]]):
    """{path: the topmost mount there}, None where nothing is mounted.

    The fact asks all paths at the same time, so a server that is away costs 5 seconds once. The
    fact never triggers an automount. Write a path as the kernel writes it: no symlinks, no slash at
    the end.
    """

    def command(self, paths: Sequence[str]) -> str:
        probes = [f"probe {quote(path)} {quote(_escaped(path))} &" for path in paths]
        return whole("\n".join([_PROBE, *probes, "wait"]))

    @staticmethod
    def default() -> dict[str, Mount | None]:
        return {}

    def parse(self, output: list[str]) -> dict[str, Mount | None]:
        rows = (line.split("\t") for line in output)
        return {unescaped(row[0]): _mount(row[1], row[2] == "yes") for row in rows if len(row) == 3}


# The probes run side by side. Each prints one line, so that nothing is mixed: path, the line of
# mountinfo, answer. SIGKILL, because nothing else ends a process that waits for an NFS server.
_PROBE = """\
probe() {
  line= answer=
  while read -r id parent device root target rest; do
    [ "$target" = "$2" ] && line="$id $parent $device $root $target $rest"
  done </proc/self/mountinfo
  case "$line" in
    '' | *' - autofs '*) ;;
    *) if timeout -s KILL 5 stat -f -- "$1" >/dev/null 2>&1; then answer=yes; fi ;;
  esac
  printf '%s\\t%s\\t%s\\n' "$2" "$line" "$answer"
}"""


def _entry(line: str) -> tuple[tuple[str, str], tuple[str, ...]] | None:
    # A path may have any other space, e.g. the ideographic one.
    if match := re.fullmatch(r"(/[^ \t]*)[ \t]+([^ \t(]+)\((.*)\)[ \t]*", line):
        return (unescaped(match[1]), match[2]), tuple(match[3].split(","))
    return None


def _confirmed(lines: Sequence[str]) -> list[str]:
    """The lines with addresses, without those whose client is unconfirmed by the next line.

    Kernels from 5.3 on to some later one tell no status.
    """
    return [
        line
        for line, status in zip_longest(lines, lines[1:], fillvalue="")
        if line.startswith("address:") and status.split()[1:] != ["unconfirmed"]
    ]


def _address(line: str) -> str | None:
    """The address in e.g. `address: "10.0.0.2:803"` or `address: "[fd00::2]:803"`."""
    match = re.search(r'"\[?([^]"]*?)(?:%[^]]*)?]?:\d+"', line)
    if match is None:
        return None
    try:
        address = ip_address(match[1])
    except ValueError:
        return match[1]
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _mount(line: str, answers: bool) -> Mount | None:
    # proc(5): id, parent, device, root, mountpoint, options, tags, "-", type, source, options
    place, dash, filesystem = line.partition(" - ")
    front, back = place.split(" "), filesystem.split(" ")
    if not dash or len(front) < 6 or len(back) < 3 or back[0] == "autofs":
        return None
    of_mount, of_filesystem = front[5].split(","), back[2].split(",")
    # The mount and the filesystem each have rw or ro, and one ro forbids writing.
    access = "ro" if "ro" in (*of_mount, *of_filesystem) else "rw"
    others = [option for option in (*of_mount, *of_filesystem) if option not in ("ro", "rw")]
    return Mount(back[0], unescaped(back[1]), (access, *dict.fromkeys(others)), answers)


def _escaped(path: str) -> str:
    r"""The path as mountinfo writes it: a space is \040."""
    return re.sub(r"[ \t\n\\]", lambda match: f"\\{ord(match[0]):03o}", path)
