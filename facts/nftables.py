"""A table of nftables: as it is in force, and as other texts would make it. Source: nft(8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from shlex import quote

from engine.fact import Fact, lines_of, sections, whole
from facts.files import PathState, archive, from_archive


@dataclass(frozen=True)
class TableState:
    """One table of the family inet.

    installed: whether the host has nft
    live: the table in force, as nft lists it; "" if there is no such table
    loaded: for each text in the question, how nft would list the table after it has loaded the
        text; "" if nft cannot load the text
    files: {path: PathState} of those paths in the question that exist
    """

    installed: bool = False
    live: str = ""
    loaded: tuple[str, ...] = ()
    files: dict[str, PathState] = field(default_factory=dict)


# nft loads the text in a network namespace of its own, where no table of the host changes. The
# namespace ends with the command.
_LOAD = """\
printf '##loaded\\n'
unshare --net sh -c 'nft -f - && nft list table inet {table}' 2> /dev/null <<'END-OF-TABLE'
{text}
END-OF-TABLE
"""


class Table(Fact[TableState]):
    """A table, and what each of the texts would make of it, in one remote command.

    texts: as for `nft -f`; paths: files to read in the same command
    """

    def command(self, table: str, texts: Sequence[str], paths: Sequence[str]) -> str:
        load = "".join(_LOAD.format(table=table, text=text.rstrip("\n")) for text in texts)
        read = archive(f"-- {' '.join(map(quote, paths))}")
        return whole(
            "printf '##installed\\n'; command -v nft\n"
            f"printf '##live\\n'; nft list table inet {table} 2> /dev/null\n"
            f"printf '##files\\n'; {read}\n{load}"
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
        )
