"""Limits of the machine that measures."""

from resource import RLIMIT_NOFILE, getrlimit, setrlimit


def allow_open_files() -> None:
    """Allows as many open files as the machine can: a relay needs three for each connection."""
    _, most = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (most, most))
