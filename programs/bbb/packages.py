"""What dpkg knows, and which release runs."""

import re
from dataclasses import dataclass

from programs.bbb import files
from programs.bbb.command import call
from programs.bbb.root import Root

RELEASE = "/etc/bigbluebutton/bigbluebutton-release"


@dataclass(frozen=True)
class Package:
    """status: dpkg-query's two letters, wanted and actual, such as "ii"; or three with an error"""

    version: str
    status: str

    @property
    def is_whole(self) -> bool:
        """Whether no work of dpkg waits: dpkg-query(1). Half-configured is F, unpacked U."""
        return self.status[1:2] in ("i", "c", "n") and not self.status[2:].strip()

    @property
    def is_installed(self) -> bool:
        return self.status[1:2] == "i"


def packages() -> dict[str, Package]:
    """By name. Raises Failed."""
    said = call("dpkg-query", "-W", "-f=${Package}\\t${Version}\\t${db:Status-Abbrev}\\n")
    found = {}
    for line in said.splitlines():
        name, version, status = line.split("\t")
        found[name] = Package(version, status)
    return found


def release(root: Root) -> str | None:
    """The release that is installed, such as 3.0.35; None on a bare node. Raises Failed.

    Versions of packages do not say it: they are such as 1:3.0-48.
    """
    found = files.read(root, RELEASE)
    match = (
        re.search(r'^BIGBLUEBUTTON_RELEASE="?([^\s"]+)"?\s*$', found.text, re.MULTILINE)
        if found
        else None
    )
    return match[1] if match else None
