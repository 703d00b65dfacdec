"""What ends a run before anything is changed on any host."""

from pyinfra import host
from pyinfra.api.exceptions import DeployError

from controller.command_line import only_reads
from engine.report import warn


def refuse(reason: str, remedy: str) -> None:
    """Raise DeployError, which ends the run for all hosts; one that only reads gets a warning."""
    if not only_reads():
        raise DeployError(f"{host.name}: {reason}: {remedy}")
    warn(f"a run would be refused: {reason}: {remedy}")
