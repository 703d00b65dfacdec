"""How many files a run may have open. Each connection to a host is an open file."""

from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit

from pyinfra.api.exceptions import InventoryError

# Of each host: its connection, and one beside it, for the probe before a run or a proof by login.
EACH = 2
# For what pyinfra and Python have open besides.
RESERVE = 64


def allow(hosts: int) -> None:
    """Raise this process's limit of open files to what a run on so many hosts needs.

    The soft limit of a login is often 256 or 1024. Anybody may raise it up to the hard limit:
    getrlimit(2). Raises InventoryError if the hard limit is too low too: otherwise each host would
    fail by itself.
    """
    needed = EACH * hosts + RESERVE
    soft, hard = getrlimit(RLIMIT_NOFILE)
    if soft == RLIM_INFINITY or needed <= soft:
        return
    if hard != RLIM_INFINITY and needed > hard:
        fits = (hard - RESERVE) // EACH
        raise InventoryError(
            f"a run on {hosts} hosts needs {needed} open files, and this machine allows {hard}: "
            f"raise nofile in /etc/security/limits.conf (on macOS: launchctl limit maxfiles) and "
            f"log in again, or run on at most {max(fits, 0)} hosts at a time with --limit"
        )
    setrlimit(RLIMIT_NOFILE, (needed, hard))
