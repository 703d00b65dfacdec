"""A table of nftables: as it is in force, and as other texts would make it. Source: nft(8).

And what it is there to protect: where the host's programs listen, and by which interface the host
is reached. Sources: ss(8), iptables-save(8), ip-route(8).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from shlex import quote

from engine.fact import Fact, lines_of, sections, whole
from facts.files import PathState, archive, from_archive


@dataclass(frozen=True, order=True)
class Listener:
    """A port of the host that others may reach: a program listens there, or a rule leads it on.

    address: "*" for all of the host's, as for a rule; without the interface of a link-local one
    program: "" for the kernel's own, and for a rule
    """

    protocol: str
    number: int
    address: str
    program: str = ""

    def __str__(self) -> str:
        """As people write it, e.g. "tcp 80 (nginx)"."""
        program = f" ({self.program})" if self.program else ""
        return f"{self.protocol} {self.number}{program}"


@dataclass(frozen=True)
class TableState:
    """One table of the family inet.

    installed: whether the host has nft
    live: the table in force, as nft lists it; "" if there is no such table
    loaded: for each text in the question, how nft would list the table after it has loaded the
        text; "" if nft cannot load the text
    files: {path: PathState} of those paths in the question that exist
    listeners: the ports that the host offers to others, not to itself alone
    addresses: the host's own, without those of loopback and of the link
    uplinks: the interfaces by which default routes lead
    """

    installed: bool = False
    live: str = ""
    loaded: tuple[str, ...] = ()
    files: dict[str, PathState] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    addresses: tuple[str, ...] = ()
    uplinks: tuple[str, ...] = ()


# nft loads the texts in a network namespace of their own, where no table of the host changes. The
# namespace ends with the command. One for all texts: to make one takes a slow host a second.
_LOAD = """\
unshare --net sh -s 2> /dev/null <<'END-OF-TEXTS'
{texts}END-OF-TEXTS
"""
_TEXT = """\
printf '##loaded\\n'
nft -f - <<'END-OF-TABLE' && nft list table inet {table}
{text}
END-OF-TABLE
"""

# Whoever runs a program chooses its name, with any bytes and with newlines. Without a table's name
# iptables-save loads no module. Docker leads ports on by such rules, and with
# `userland-proxy: false` nothing listens there.
_LISTENERS = """\
printf '##listeners\\n'
ss -H -l -n -t -u -p 2> /dev/null | tr -c '\\n -~' '?' | grep -E '^(tcp|udp) '
printf '##addresses\\n'; ip -o address show scope global 2> /dev/null
printf '##uplinks\\n'
for version in 4 6; do ip -$version route show default; done 2> /dev/null |
  tr -c '\\n -~' '?' | grep -o 'dev [^ ]*'
printf '##led-on\\n'
for save in 'iptables-save' 'ip6tables-save' 'nft list ruleset'; do $save 2> /dev/null; done |
  grep -E -i '(dnat|redirect)( |$)'
"""


class Table(Fact[TableState]):
    """A table, what each of the texts would make of it, and who listens, in one remote command.

    texts: as for `nft -f`; paths: files to read in the same command
    """

    def command(self, table: str, texts: Sequence[str], paths: Sequence[str]) -> str:
        each = (_TEXT.format(table=table, text=text.rstrip("\n")) for text in texts)
        load = _LOAD.format(texts="".join(each))
        read = archive(f"-- {' '.join(map(quote, paths))}")
        return whole(
            "printf '##installed\\n'; command -v nft\n"
            f"printf '##live\\n'; nft list table inet {table} 2> /dev/null\n"
            f"printf '##files\\n'; {read}\n{load}{_LISTENERS}"
        )

    @staticmethod
    def default() -> TableState:
        return TableState()

    def parse(self, output: list[str]) -> TableState:
        (files,) = lines_of(output, "files")
        return TableState(
            bool(lines_of(output, "installed")),
            "\n".join(lines_of(output, "live")),
            tuple("\n".join(it.lines) for it in sections(output) if it.title == "loaded"),
            from_archive(files),
            tuple(sorted({*_listeners(output), *_led_on(output)})),
            tuple(
                line.split()[3].partition("/")[0] for line in lines_of(output, "addresses") if line
            ),
            tuple(line.removeprefix("dev ") for line in lines_of(output, "uplinks")),
        )


# ss writes [fe80::1%eth0]:546, 127.0.0.53%lo:53 and *:22 for addresses.
_LISTENER = re.compile(
    r"(tcp|udp) +\S+ +\d+ +\d+ +\[?([^] %]+)(?:%[^] ]+)?\]?:(\d+) +\S+ *(?:users:\(\(\"([^\"]*)\")?"
)


def _listeners(output: list[str]) -> Iterator[Listener]:
    for line in lines_of(output, "listeners"):
        if found := _LISTENER.match(line):
            protocol, address, number, program = found.groups()
            if address in ("*", "0.0.0.0", "::"):
                address = "*"
            elif ip_address(address).is_loopback:
                continue
            yield Listener(protocol, int(number), address, program or "")


# A rule of iptables-save, such as "-p tcp -m tcp --dport 8080 -j DNAT ...", or one of nft, such as
# "tcp dport { 80, 443 } dnat to ...".
_LED_ON = re.compile(r"\b(tcp|udp)\b.*?dports? (\{[^}]*\}|[0-9,:-]+)")


def _led_on(output: list[str]) -> Iterator[Listener]:
    for line in lines_of(output, "led-on"):
        if found := _LED_ON.search(line):
            for number in re.findall(r"[0-9]+", found[2]):
                yield Listener(found[1], int(number), "*")
