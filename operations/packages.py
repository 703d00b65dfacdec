"""Debian packages."""

from collections.abc import Generator, Sequence
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from facts.packages import Packages
from operations.report import tell

# apt-get waits for whoever else installs, as a new machine does by itself; dpkg would fail at once.
# confold: a hand-edited file is this project's to mend, never a question that waits for an answer.
FINISH = (
    "export DEBIAN_FRONTEND=noninteractive; set -e; "
    "apt-get -q -o DPkg::Lock::Timeout=300 check >/dev/null 2>&1 || true; "
    "dpkg --force-confold --configure -a"
)
INSTALL = (
    "apt-get -q -o DPkg::Lock::Timeout=300 update; "
    "apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "
    "--no-install-recommends --no-remove install {names}"
)


@operation()
def installed(names: Sequence[str]) -> Generator[StringCommand, None, None]:
    """These packages are installed; a dpkg that was cut off is finished first.

    Never removes a package. Upgrades one only if another that is missing needs that.
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
    install = [INSTALL.format(names=" ".join(map(quote, missing)))] if missing else []
    yield StringCommand("; ".join([FINISH, *install]))
