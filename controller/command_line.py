"""What this run of pyinfra was asked for on its command line."""

from collections.abc import Iterable
from fnmatch import fnmatch

import click
from pyinfra.api.exceptions import InventoryError

from fleet.hosts import Host

# The commands of pyinfra that run no deploy, and so need nothing but SSH.
READING = ("fact", "debug-inventory")


def only_reads() -> bool:
    """Whether this run of pyinfra changes nothing; false outside its command line."""
    context = click.get_current_context(silent=True)
    if context is None:
        return False
    operations = context.params.get("operations") or ("",)
    return bool(context.params.get("dry")) or operations[0] in READING


def check_limits(hosts: Iterable[Host]) -> None:
    """Raises InventoryError for a limit that leaves no host: pyinfra would end well, at once."""
    for limit in _limits():
        if not any(_is_meant(host, limit) for host in hosts):
            raise InventoryError(
                f"--limit {limit}: no host of this inventory has that name or group; write one "
                "name for each --limit, without commas"
            )


def in_limit(host: Host) -> bool:
    """Whether `--limit` leaves the host in the run, by its name, a pattern, or a group's name."""
    limits = _limits()
    return not limits or any(_is_meant(host, limit) for limit in limits)


def _limits() -> tuple[str, ...]:
    context = click.get_current_context(silent=True)
    return tuple(context.params.get("limit") or ()) if context else ()


def _is_meant(host: Host, limit: str) -> bool:
    return limit in host.groups or fnmatch(host.name, limit)
