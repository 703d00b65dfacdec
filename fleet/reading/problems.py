"""What is wrong with the data, in words by which a person can put it right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet import ROOT
from fleet.reading.private import may_be_secret

NOT_SHOWN = "(not shown: it may be a secret)"


class Invalid(ValueError):
    """A value that cannot be accepted. Validators raise it, and it never leaves `fleet`."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    file: the path as a person would type it, e.g. "inventories/coop.yml"
    record: the host, the person, the variable, or the line of the file; "" for the whole file
    field: the dotted path inside the record; "" for the whole record
    """

    file: str
    record: str
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        named = (self.file, hidden(self.record), hidden(self.field))
        where = ": ".join(part for part in named if part)
        return _one_line(f"{where}: {self.message}; {self.remedy}")


class FleetError(Exception):
    """The data cannot be used. `problems` has all problems that were found, at least one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def shown(value: object) -> str:
    """The value as an error message quotes it: at most 60 characters. Takes any object.

    A value that holds a secret, or may be one, is not shown.
    """
    try:
        text = repr(value)
    except Exception:  # group_data is Python, so the value can be any object
        return f"this {type(value).__name__}"
    if may_be_secret(text):
        return f"this value {NOT_SHOWN}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def hidden(text: str) -> str:
    """The text, for a message that does not quote it; what may be a secret is not shown."""
    return NOT_SHOWN if may_be_secret(text) else text


def shown_path(path: Path) -> str:
    """The path as a person in the repository would type it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
