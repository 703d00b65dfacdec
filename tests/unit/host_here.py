"""This machine in the place of a host: a real shell answers facts and performs commands."""

import os
import subprocess
from typing import Any

from pyinfra.api import FactBase, StringCommand
from pyinfra.connectors.util import CommandOutput, OutputLine

from facts.systemd import CHANGES
from tests.unit.operation_harness import Shell

# Without the variables that git sets for its hooks: by them every git command would work on the
# hook's repository.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

Done = subprocess.CompletedProcess[str]


def ask(fact: type[FactBase[Any]], *arguments: Any, shell: Shell | None = None) -> Any:
    """Asks the fact here; returns what pyinfra would make of the answer."""
    answer = sh(fact().command(*arguments), shell=shell)
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.split("\n")[:-1]
    return fact().process(lines) if lines else fact().default()


def perform(command: StringCommand, shell: Shell | None = None) -> Done:
    """Runs the command as pyinfra would, its standard input included."""
    return sh(command.get_raw_value(), command.connector_arguments.get("_stdin"), shell)


def answer(done: Done) -> tuple[bool, CommandOutput]:
    """What pyinfra's run_shell_command would return for it."""
    lines = [OutputLine("stdout", line) for line in done.stdout.splitlines()]
    return done.returncode == 0, CommandOutput(lines)


def sh(command: str, stdin: str | None = None, shell: Shell | None = None) -> Done:
    """Runs the command; the stand-ins of `shell` go before this machine's programs."""
    path = shell.path if shell else os.environ["PATH"]
    # Only root can write a host's notes. A test that reads them puts another file in their place.
    command, text = (it.replace(CHANGES, "/dev/null") for it in (command, stdin or ""))
    return subprocess.run(
        ["sh", "-c", command],
        input=f"{text}\n",
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, "PATH": path},
        check=False,
        timeout=30,
    )
