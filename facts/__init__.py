"""What a host looks like: one subject and one remote command a fact, parsed into plain data.

Every command exits 0 on a host where the program is not installed yet, and no `process`
raises on what a host may print: an exception there would end the run for all hosts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MARK = "##"
"""Starts a line that heads a section of a command's output; its fields are separated by tabs."""


@dataclass(frozen=True)
class Section:
    """The lines that follow one heading, e.g. "##disk<TAB>sda" has the fields ("disk", "sda")."""

    fields: tuple[str, ...]
    lines: list[str]

    @property
    def title(self) -> str:
        return self.fields[0]


def sections(output: Sequence[str]) -> list[Section]:
    """The sections of a command's output, in order; lines before the first heading are dropped."""
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
    r"""A path or name as the kernel and exportfs write it, e.g. a space as \040: proc(5)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
