"""The base class of facts: one subject, one remote command, parsed into plain data."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pyinfra.api import FactBase, FactProcessError

T = TypeVar("T")

END = "%%end"
STORAGE_SECONDS = 120
"""How long a fact waits for files that may lie on storage.

When an NFS server is back, its client first recovers its state. Then each call that had to wait
tries again after up to 15 s. Where calls wait for each other, they do so in turn: up to 80 s in all
were measured.
"""

MARK = "##"
"""Starts a heading: the first line of a section of a command's output, with fields between tabs."""


def whole(script: str) -> str:
    """The command of a Fact: runs the script (POSIX sh), prints END once that ends, and exits 0."""
    return f"(\n{script}\n)\necho {END}"


class Fact(FactBase[T], Generic[T]):  # type: ignore[misc]
    """A fact whose answer counts only if it is whole and can be read.

    A subclass has three methods:
    command: gives `whole` of a script, which also works where the program is not installed yet
    parse: reads what the script printed; raises an exception on anything else
    default: gives the value for no output, which stands for a host without anything

    An answer that ends too early (a lost connection, a byte that is not UTF-8) or cannot be read (a
    shell's start-up file prints something) fails this host, and no other.
    """

    parse: Callable[[list[str]], T]

    def process(self, output: list[str]) -> T:
        if output[-1:] != [END]:
            raise FactProcessError(f"the answer is cut short; it ends in {output[-1:]}")
        try:
            return self.parse(output[:-1]) if output[:-1] else self.default()
        except Exception as error:
            # Any other exception than FactProcessError would end the run for all hosts.
            hint = "does a file such as ~/.bashrc print something there?"
            raise FactProcessError(f"the answer cannot be read ({error!r}); {hint}") from None


@dataclass(frozen=True)
class Section:
    """The lines below one heading. The heading "##disk<TAB>sda" has the fields ("disk", "sda")."""

    fields: tuple[str, ...]
    lines: list[str]

    @property
    def title(self) -> str:
        return self.fields[0]


def sections(output: Sequence[str]) -> list[Section]:
    """The sections of a command's output, in order, without lines before the first heading."""
    found: list[Section] = []
    for line in output:
        if line.startswith(MARK):
            found.append(Section(tuple(line.removeprefix(MARK).split("\t")), []))
        elif found:
            found[-1].lines.append(line)
    return found


def lines_of(output: Sequence[str], title: str) -> list[str]:
    """The lines of all sections with this title."""
    return [
        line for section in sections(output) if section.title == title for line in section.lines
    ]


def unescaped(text: str) -> str:
    r"""A path or name from the kernel or exportfs, which write a space as \040: proc(5).

    Each such number is a byte, of which some characters have several.
    """
    data = text.encode(errors="surrogateescape")
    plain = re.sub(rb"\\([0-3][0-7]{2})", lambda match: bytes([int(match[1], 8)]), data)
    return plain.decode(errors="surrogateescape")
