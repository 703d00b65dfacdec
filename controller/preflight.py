"""Ends a run before it changes anything on any host."""

from pyinfra import host
from pyinfra.api.exceptions import DeployError

from controller.command_line import only_reads
from engine.report import warn


def refuse(reason: str, remedy: str) -> None:
    """Raise DeployError, which ends the run for all hosts. Only warn in a run that only reads."""
    if not only_reads():
        raise DeployError(f"{host.name}: {reason}: {remedy}")
    warn(f"a run would be refused: {reason}: {remedy}")
