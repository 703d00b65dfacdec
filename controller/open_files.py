"""How many files a run may have open: each connection to a host is one."""

from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit

from pyinfra.api.exceptions import InventoryError

# Its connection, and a login beside it: the probe before a run, the proof that one gets in anew.
EACH = 2
# What pyinfra and Python have open besides.
RESERVE = 64


def allow(hosts: int) -> None:
    """This process may have as many files open as a run on so many hosts needs.

    The limit of a login is often 256 or 1024, and anybody may raise it up to the machine's own:
    getrlimit(2). Raises InventoryError if that is too low too: else each host would fail by itself.
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
