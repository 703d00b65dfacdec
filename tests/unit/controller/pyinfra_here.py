"""Runs pyinfra's own command line in a process of its own, against this machine alone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fleet import ROOT

Data = dict[str, Any]

PYINFRA = Path(sys.executable).parent / "pyinfra"

OF_THE_PROJECT: Data = {"fleet_file": "inventories/coop.yml"}
# Nothing listens at port 1 (tcpmux), so a connection is refused at once.
AWAY: Data = {**OF_THE_PROJECT, "ssh_hostname": "127.0.0.1", "ssh_port": 1}


def pyinfra(
    *arguments: str | Path, directory: Path = ROOT, answer: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs pyinfra with these arguments; answer: what a person would type"""
    return subprocess.run(
        [PYINFRA, *arguments],
        cwd=directory,
        input=answer,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


def inventory(directory: Path, *hosts: tuple[str, Data]) -> Path:
    """Writes an inventory with these hosts; returns its file."""
    file = directory / "hosts.py"
    file.write_text(f"hosts = {list(hosts)!r}\n")
    return file
