"""Runs a process and says what it took."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Used:
    """Seconds on the clock, seconds of CPU, and the peak of memory in bytes."""

    wall: float
    cpu: float
    memory: int


class FailedError(Exception):
    """A process has failed. The message ends with the last lines that it printed."""


def run(module: str, arguments: Sequence[str], project: Path, log: Path) -> Used:
    """Runs `python -m module arguments` in that project.

    log: the file for the output. Raises FailedError if the process fails.
    """
    # Without the operator's own SSH configuration and secrets.
    environment = {"PATH": os.environ["PATH"], "HOME": str(project.parent), "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", module, *arguments]
    with log.open("wb") as output:
        start = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=project,
            env={**environment, "PYINFRA_PROGRESS": "off"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        lines = log.read_text(errors="replace").splitlines()
        said = "\n".join(lines[-40:])
        raise FailedError(f"{' '.join(command)}: status {process.returncode}\n{said}")
    return Used(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
