"""The beginning of deploy.py, audit.py and restore_drill.py, on each host of the run."""

from pyinfra import host
from pyinfra.api.exceptions import DeployError

from controller import summary
from controller.connection import tune


def start() -> None:
    """Begin on this host: watch the run for its summary, and tune the host's connection.

    Raises DeployError, which ends the run, for a host that no inventory of this project has.
    """
    if not host.data.get("fleet_file"):
        raise DeployError(
            f"{host.name} is of no inventory of this project; take one in inventories/"
        )
    summary.watch()
    tune()
