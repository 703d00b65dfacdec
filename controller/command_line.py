"""What this run of pyinfra was asked for on its command line."""

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click
from pyinfra.api.exceptions import InventoryError, PyinfraError
from pyinfra_cli.exceptions import CliError

from fleet import ROOT
from fleet.hosts import Host

# The commands of pyinfra that run no deploy, and so need nothing but SSH.
READING = ("fact", "debug-inventory")


class Ended(CliError, PyinfraError):  # type: ignore[misc]
    """Ends pyinfra with this status, without a prompt: there is nothing to run."""

    def __init__(self, status: int) -> None:
        super().__init__("")
        self.exit_code = status

    def show(self, file: Any = None) -> None: ...


def only_reads() -> bool:
    """Whether this run of pyinfra changes nothing; false outside its command line."""
    context = click.get_current_context(silent=True)
    if context is None:
        return False
    return bool(context.params.get("dry")) or _operations()[0] in READING


def runs_deploys() -> bool:
    """Whether the run is one of deploys, such as deploy.py."""
    return all(name.endswith(".py") for name in _operations())


def check_inventory() -> None:
    """Raises InventoryError for an inventory that is none of this project's.

    pyinfra takes a file that is not there for the name of a host, finds no such host, and ends
    well, with nothing done.
    """
    context = click.get_current_context(silent=True)
    name = str(context.params.get("inventory") or "") if context else ""
    looks_like_a_file = name.endswith(".py") or "/" in name
    # One with @ names a connector of pyinfra's, such as @local.
    if not name or "@" in name or Path(name).is_file():
        return
    if not (runs_deploys() or looks_like_a_file):
        return
    known = sorted(str(it.relative_to(ROOT)) for it in (ROOT / "inventories").glob("*.py"))
    close = get_close_matches(name, known, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    raise InventoryError(f"there is no inventory {name}: {remedy}")


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


def _operations() -> tuple[str, ...]:
    context = click.get_current_context(silent=True)
    return tuple(context.params.get("operations") or ("",)) if context else ("",)


def _limits() -> tuple[str, ...]:
    context = click.get_current_context(silent=True)
    return tuple(context.params.get("limit") or ()) if context else ()


def _is_meant(host: Host, limit: str) -> bool:
    return limit in host.groups or fnmatch(host.name, limit)
