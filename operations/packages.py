"""Debian packages."""

from collections.abc import Sequence
from shlex import quote

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import script, tell
from facts.packages import Packages

# apt-get waits for another installation, such as a new machine starts by itself. dpkg would fail at
# once.
WAIT = "-o DPkg::Lock::Timeout=300"
FINISH = f"""\
export DEBIAN_FRONTEND=noninteractive
apt-get -q {WAIT} check >/dev/null 2>&1 || true
dpkg --force-confold --configure -a"""

# `apt-get update` has a lock of its own, and does not wait for this lock.
UPDATE = """\
tries=60
until said=$(apt-get -q update 2>&1); do
  tries=$((tries - 1))
  case "$said" in *lists/lock*) [ $tries -gt 0 ] && sleep 5 && continue ;; esac
  printf '%s\\n' "$said" >&2
  exit 1
done"""

# confold keeps a file that somebody edited by hand, so that dpkg never waits for an answer. Another
# operation of this project puts the file right.
INSTALL = f"""\
unknown=$(LC_ALL=C apt-cache --quiet=0 show --no-all-versions {{names}} 2>&1 >/dev/null |
  grep -e 'Unable to locate' -e "Can't select") || true
if [ -n "$unknown" ]; then
  printf '%s\\n' "$unknown" "Is a component such as contrib missing in this host's apt sources?" >&2
  exit 1
fi
apt-get -q -y {WAIT} -o Dpkg::Options::=--force-confold \\
  --no-install-recommends --no-remove install {{names}}"""


@operation()
def installed(names: Sequence[str]) -> Commands:
    """These packages are installed. Before that, finishes the work of a dpkg that was cut off.

    Never removes a package. Upgrades a package only if a missing package needs the upgrade.
    """
    state = yield from ask(Packages, names=list(names))
    missing = [name for name in names if name not in state.installed]
    if not missing and not state.interrupted:
        host.noop("all packages are installed")
        return
    if state.interrupted:
        tell("dpkg was interrupted: its work is finished first")
    if missing:
        tell(f"packages to install: {' '.join(missing)}")
    install = [UPDATE, INSTALL.format(names=" ".join(map(quote, missing)))] if missing else []
    yield script(FINISH, *install)
