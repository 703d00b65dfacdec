"""Debian packages and what dpkg thinks of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from shlex import quote

from engine.fact import Fact, whole

# The state and the error of dpkg-query(1): installed, none. Before them stands what is wanted: the
# whole is "ii ", or "hi " for a package on hold.
INSTALLED = "i "


@dataclass(frozen=True)
class PackageStates:
    """installed: the names that are fully installed; interrupted: whether dpkg was cut off."""

    installed: frozenset[str] = field(default_factory=frozenset)
    interrupted: bool = False


class Packages(Fact[PackageStates]):
    """Which of the named packages are installed, in one remote command."""

    def command(self, names: Sequence[str]) -> str:
        query = "dpkg-query -W -f '${db:Status-Abbrev}|${Package}\\n' "
        return whole(
            f"{query}{' '.join(map(quote, names))} 2>/dev/null; "
            # A file here is work that dpkg had not finished when it was last stopped.
            "ls /var/lib/dpkg/updates 2>/dev/null | sed 's/^/updates|/'"
        )

    @staticmethod
    def default() -> PackageStates:
        return PackageStates()

    def parse(self, output: list[str]) -> PackageStates:
        pairs = [line.split("|", 1) for line in output if "|" in line]
        return PackageStates(
            installed=frozenset(name for status, name in pairs if status[1:] == INSTALLED),
            interrupted=any(status == "updates" for status, _ in pairs),
        )
