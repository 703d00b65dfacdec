"""Local users."""

from collections.abc import Sequence
from shlex import quote

from facts import Fact, whole


class Users(Fact[dict[str, int]]):
    """The uid of each of the named users that exists: {name: uid}."""

    def command(self, names: Sequence[str]) -> str:
        return whole(f"getent passwd {' '.join(map(quote, names))}")

    @staticmethod
    def default() -> dict[str, int]:
        return {}

    def parse(self, output: list[str]) -> dict[str, int]:
        fields = [line.split(":") for line in output if line.count(":") == 6]
        return {entry[0]: int(entry[2]) for entry in fields}
