"""Limits of the machine that measures."""

from resource import RLIMIT_NOFILE, getrlimit, setrlimit


def allow_open_files() -> None:
    """As many as the machine allows: a relay needs three for each connection."""
    _, most = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (most, most))
