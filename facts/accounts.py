"""Local users."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from engine.fact import Fact, whole


@dataclass(frozen=True)
class User:
    """An entry of passwd(5)."""

    uid: int
    home: str
    shell: str


class Users(Fact[dict[str, User]]):
    """Those of the named users that exist, by name."""

    def command(self, names: Sequence[str]) -> str:
        return whole(f"getent passwd {' '.join(map(quote, names))}")

    @staticmethod
    def default() -> dict[str, User]:
        return {}

    def parse(self, output: list[str]) -> dict[str, User]:
        fields = [line.split(":") for line in output if line.count(":") == 6]
        return {entry[0]: User(int(entry[2]), entry[5], entry[6]) for entry in fields}
