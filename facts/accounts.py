"""Local users."""

from collections.abc import Sequence
from shlex import quote

from pyinfra.api import FactBase


class Users(FactBase[dict[str, int]]):  # type: ignore[misc]
    """The uid of each of the named users that exists: {name: uid}."""

    def command(self, names: Sequence[str]) -> str:
        return f"getent passwd {' '.join(map(quote, names))}; true"

    @staticmethod
    def default() -> dict[str, int]:
        return {}

    def process(self, output: list[str]) -> dict[str, int]:
        fields = [line.split(":") for line in output if line.count(":") == 6]
        return {entry[0]: int(entry[2]) for entry in fields}
