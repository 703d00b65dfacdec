"""Runs an operation's own code for one pretended host, and its scripts in a real shell."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pyinfra import logger
from pyinfra.api import FunctionCommand, StringCommand
from pyinfra.context import ctx_host, ctx_state

from engine import report
from engine.several import Several


@dataclass
class Run:
    """What an operation asked, said and yielded."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    noops: list[str] = field(default_factory=list)
    commands: list[Any] = field(default_factory=list)

    @property
    def script(self) -> str:
        """The only command's script."""
        (command,) = self.commands
        assert command.get_raw_value() == "sh -s"
        return str(command.connector_arguments["_stdin"])

    @property
    def lines(self) -> list[str]:
        """The lines that the only command's script runs."""
        return self.script.splitlines()[3:-1]

    @property
    def failure(self) -> str:
        """What the last command prints on stderr as it fails."""
        raw = self.commands[-1].get_raw_value()
        result = subprocess.run(["sh", "-c", raw], capture_output=True, text=True, check=False)
        assert (result.returncode, result.stdout) == (1, "")
        return result.stderr.rstrip("\n")


class PretendedHost:
    """Answers facts from a table; an answer that is a list gives one item each time."""

    name = "storage1"
    current_op_global_arguments: Mapping[str, Any] | None = None

    def __init__(self, facts: Mapping[type, Any]) -> None:
        self.run = Run()
        self.facts = {
            kind: list(answer) if isinstance(answer, list) else answer
            for kind, answer in facts.items()
        }

    def get_fact(self, kind: type, **arguments: Any) -> Any:
        if kind is Several:
            return [self.get_fact(each, **its) for each, its in arguments["asked"]]
        self.run.asked.append(arguments)
        answer = self.facts[kind]
        return answer.pop(0) if isinstance(answer, list) else answer

    def log(self, text: str, log_func: Callable[[str], None] = logger.info) -> None:
        self.run.said.append(text)

    def log_styled(self, text: str, fg: str, log_func: Callable[[str], None]) -> None:
        assert log_func == logger.warning
        self.run.warned.append(text)

    def noop(self, text: str) -> None:
        self.run.noops.append(text)


def run(
    operation: Any,
    *arguments: Any,
    facts: Mapping[type, Any],
    executing: bool = True,
    diff: bool = False,
    failed_hosts: Sequence[Any] = (),
    **options: Any,
) -> Run:
    """Runs the operation as pyinfra would; if not executing, only up to the first command."""
    report._shown.clear()
    pretended = PretendedHost(facts)
    state = SimpleNamespace(
        is_executing=executing, config=SimpleNamespace(DIFF=diff), failed_hosts=failed_hosts
    )
    with ctx_host.use(pretended), ctx_state.use(state):
        for command in operation._inner(*arguments, **options):
            assert isinstance(command, StringCommand | FunctionCommand)
            pretended.run.commands.append(command)
            if not executing:
                break
    return pretended.run


class Shell:
    """A real POSIX shell in which programs are replaced by stand-ins that record their calls."""

    def __init__(self, directory: Path) -> None:
        self.programs = directory / "programs"
        self.programs.mkdir()
        self.log = directory / "calls"
        self.log.touch()

    @property
    def path(self) -> str:
        """The PATH in which the stand-ins come first."""
        return f"{self.programs}:{os.environ['PATH']}"

    def stand_in(self, name: str, body: str = "") -> None:
        """Makes a program that logs its name and arguments, one line a call, and then runs body."""
        program = self.programs / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.log}\n{body}\n')
        program.chmod(0o755)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs the script from stdin, as a command of `engine.report.script` does."""
        environment = {**os.environ, "PATH": self.path}
        return subprocess.run(
            ["sh", "-s"],
            input=script,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=30,
        )

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()
