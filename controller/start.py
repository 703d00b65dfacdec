"""What each deploy begins with, on each host of the run."""

from pyinfra import host
from pyinfra.api.exceptions import DeployError

from controller import summary
from controller.connection import tune


def start() -> None:
    """Raises DeployError, which ends the run, for a host that no inventory of this project has."""
    if not host.data.get("fleet_file"):
        raise DeployError(
            f"{host.name} is of no inventory of this project; take one in inventories/"
        )
    summary.watch()
    tune()
