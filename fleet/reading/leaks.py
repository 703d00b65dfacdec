"""Finds the secrets that stand among the data."""

from collections.abc import Mapping

from fleet.reading.private import MAKE_NEW, secret_in
from fleet.reading.problems import Problem


def leaks(values: object, file: str, record: str) -> list[Problem]:
    """A problem for each secret in the values or in their keys. Takes any object.

    record: its name in problems; if "", problems take the first part of the field's path
    """
    problems: list[Problem] = []
    seen: set[int] = set()
    todo: list[tuple[tuple[str, ...], object]] = [((), values)]
    for path, value in todo:  # the list grows meanwhile
        found = None
        if isinstance(value, str | bytes):
            found = secret_in(value if isinstance(value, str) else value.decode(errors="replace"))
        elif isinstance(value, Mapping | list | tuple | set | frozenset) and id(value) not in seen:
            # group_data is Python, where a list can hold itself.
            seen.add(id(value))
            pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
            for key, inner in pairs:
                found = found or (secret_in(key) if isinstance(key, str) else None)
                todo.append(((*path, str(key)), inner))
        if found:
            first, *rest = (record, *path) if record or not path else path
            problems.append(Problem(file, first, ".".join(rest), found, MAKE_NEW))
    return problems


def leaks_in_text(text: str, file: str) -> list[Problem]:
    """A problem for each line with a secret, of a file that cannot be read as what it should be."""
    found = {number: secret_in(line) for number, line in enumerate(text.splitlines(), 1)}
    return [
        Problem(file, f"line {number}", "", what, MAKE_NEW)
        for number, what in found.items()
        if what
    ]
