"""What is wrong with the data, said so that a person can put it right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet import ROOT


class Invalid(ValueError):
    """A value that cannot be accepted. Raised by validators; it never leaves this package."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    file: path as a person would type it, e.g. "inventories/coop.yml"
    record: the host, the variable, or the line of the file
    field: dotted path inside the record, "" if the record as a whole is meant
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
    """The data cannot be used. `problems` holds everything that was found, at least one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def shown(value: object) -> str:
    """The value as an error message quotes it: short, and whatever it is, without failing."""
    try:
        text = repr(value)
    except Exception:  # group_data is Python, where any object can turn up
        return f"this {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def shown_path(path: Path) -> str:
    """The path as a person in the repository would type it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
