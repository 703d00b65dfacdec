"""What is wrong with the data, in words by which a person can put it right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet import ROOT


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
        where = ": ".join(part for part in (self.file, self.record, self.field) if part)
        return _one_line(f"{where}: {self.message}; {self.remedy}")


class FleetError(Exception):
    """The data cannot be used. `problems` has all problems that were found, at least one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def shown(value: object) -> str:
    """The value as an error message quotes it: at most 60 characters. Takes any object."""
    try:
        text = repr(value)
    except Exception:  # group_data is Python, so the value can be any object
        return f"this {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def shown_path(path: Path) -> str:
    """The path as a person in the repository would type it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
