"""What this run of pyinfra was asked for on its command line."""

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click
from pyinfra.api.exceptions import InventoryError, PyinfraError
from pyinfra_cli.exceptions import CliError

from fleet import ROOT
from fleet.hosts import Host

# These change no host, so they need nothing but SSH: commands of pyinfra, a file of this project.
READING = ("fact", "debug-inventory", "bbb_status.py")


class Ended(CliError, PyinfraError):  # type: ignore[misc]
    """Ends pyinfra with this status and without a prompt, because there is nothing to run."""

    def __init__(self, status: int) -> None:
        super().__init__("")
        self.exit_code = status

    def show(self, file: Any = None) -> None: ...


def only_reads() -> bool:
    """Whether this run of pyinfra changes nothing; False outside of pyinfra's command line."""
    return bool(_parameter("dry")) or _operations()[0] in READING


def converges() -> bool:
    """Whether this run of pyinfra makes hosts what the data says."""
    return Path(_operations()[0]).name == "deploy.py"


def runs_deploys() -> bool:
    """Whether this run of pyinfra runs files such as deploy.py."""
    return all(name.endswith(".py") for name in _operations())


def check_inventory() -> None:
    """Raises InventoryError for an inventory that is not a Python file, as after a typing mistake.

    pyinfra would take the name for a host's name, find no such host, run nothing and exit 0. A name
    with an @ (a connector such as @local) or a comma (a list of hosts) is never meant as a file.
    """
    name = str(_parameter("inventory") or "")
    file = Path(name)
    if not name or "@" in name or "," in name or (file.suffix == ".py" and file.is_file()):
        return
    known = ", ".join(sorted(f"inventories/{it.name}" for it in ROOT.glob("inventories/*.py")))
    raise InventoryError(f"{name} is no inventory; there are {known}")


def check_directory() -> None:
    """Raises InventoryError if pyinfra was not started in the repository, where config.py is."""
    if click.get_current_context(silent=True) and Path.cwd() != ROOT:
        raise InventoryError(f"pyinfra has to be started in the repository: cd {ROOT}")


def check_limits(hosts: Iterable[Host]) -> None:
    """Raises InventoryError for a limit that means no host: pyinfra would do nothing and exit 0."""
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
    return tuple(_parameter("limit") or ())


def _operations() -> tuple[str, ...]:
    return tuple(_parameter("operations") or ("",))


def _parameter(name: str) -> Any:
    """The parameter's value on pyinfra's command line; None outside of the command line."""
    context = click.get_current_context(silent=True)
    return context.params.get(name) if context else None


def _is_meant(host: Host, limit: str) -> bool:
    return limit in host.groups or fnmatch(host.name, limit)
