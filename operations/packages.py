"""Debian packages."""

from collections.abc import Generator, Sequence
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from facts.packages import Packages
from operations.report import tell

# confold: a hand-edited file is this project's to mend, never a question that waits for an answer.
INSTALL = (
    "export DEBIAN_FRONTEND=noninteractive; set -e; "
    "dpkg --configure -a; "
    "apt-get -q -o DPkg::Lock::Timeout=300 update; "
    "apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "
    "--no-install-recommends install {names}"
)


@operation()
def installed(names: Sequence[str]) -> Generator[StringCommand, None, None]:
    """These packages are installed; a dpkg that was cut off is finished first.

    Never upgrades or removes a package.
    """
    state = host.get_fact(Packages, names=list(names))
    missing = [name for name in names if name not in state.installed]
    if not missing and not state.interrupted:
        host.noop("all packages are installed")
        return
    if state.interrupted:
        tell("dpkg was interrupted: its work is finished first")
    if missing:
        tell(f"packages to install: {' '.join(missing)}")
    yield StringCommand(INSTALL.format(names=" ".join(map(quote, names))))
