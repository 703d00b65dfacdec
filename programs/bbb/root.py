"""Where the node's files are, and who is who. Tests have a node in a directory of their own."""

import grp
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from programs.bbb.failed import Failed

STATE = "/var/lib/coop-infra/bbb"


@dataclass(frozen=True)
class Root:
    """A node.

    top: the directory that stands for /
    api: where bbb-web answers on the node itself, past DNS, haproxy, nginx and the gate
    uid: whose files nobody lesser can change
    accounts, groups: ids by name; of the system if None
    """

    top: Path = Path("/")
    api: str = "http://127.0.0.1:8090"
    uid: int = 0
    accounts: Mapping[str, int] | None = None
    groups: Mapping[str, int] | None = None

    def at(self, path: str) -> Path:
        """The file that a path of the node means."""
        return self.top / path.lstrip("/")

    def own(self, name: str) -> str:
        """The path of one of the program's own files."""
        return f"{STATE}/{name}"

    def uid_of(self, name: str) -> int:
        """Raises Failed if the node has no such account."""
        try:
            return pwd.getpwnam(name).pw_uid if self.accounts is None else self.accounts[name]
        except KeyError:
            raise Failed(f"the node has no account {name}") from None

    def gid_of(self, name: str) -> int:
        """Raises Failed if the node has no such group."""
        try:
            return grp.getgrnam(name).gr_gid if self.groups is None else self.groups[name]
        except KeyError:
            raise Failed(f"the node has no group {name}") from None
