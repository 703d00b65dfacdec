"""A kind of secret in .env."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fleet.hosts import Host
from fleet.model import Fleet

Wrong = tuple[str, str]
"""What is wrong with a value, and what to do. Neither text shows the value."""


def fits(pattern: str, otherwise: str, remedy: str) -> Callable[[str | None], Wrong | None]:
    """For `Kind.wrong`: the whole value fits the regular expression.

    otherwise: what is wrong with any other value
    """

    def wrong(value: str | None) -> Wrong | None:
        if value is None:
            return "is not set", remedy
        return None if re.fullmatch(pattern, value) else (otherwise, remedy)

    return wrong


@dataclass(frozen=True)
class Kind:
    """A kind of secret.

    variable: the variable in .env. If it ends in _, the name of a host, a person
        or a balancer follows
    needed: takes the fleet, a run's hosts and the time; gives the variables that the run needs
    wrong: takes the value, or None if it is not set; gives what is wrong with it, or None
    make: the shell command that prints a new secret; "" if no command makes one
    """

    variable: str
    needed: Callable[[Fleet, Sequence[Host], datetime], Iterable[str]]
    wrong: Callable[[str | None], Wrong | None]
    make: str = ""

    def of(self, name: str) -> str:
        """The variable for the host, person or balancer of that name: capitals, and _ for -."""
        return self.variable + name.upper().replace("-", "_")

    def has(self, variable: str) -> bool:
        """Whether the variable is of this kind."""
        if self.variable.endswith("_"):
            return variable.startswith(self.variable)
        return variable == self.variable
