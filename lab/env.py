"""Makes the lab's secrets: python -m lab.env FILE ESCROW_DIRECTORY

A secret that is in the file already stays.
"""

import os
import subprocess
import sys
from pathlib import Path

from dotenv import dotenv_values

from fleet.load import load
from fleet.secret_kinds import kind_of
from fleet.secret_kinds.calls import MAIL, MATRIX_TOKEN
from fleet.secret_kinds.volumes import ESCROW
from fleet.secrets import required
from lab.machines import INVENTORY

# Of the account that writes to the room of the lab's own homeserver.
TOKEN = "token-of-the-lab"


def main(file: Path, escrow: str) -> None:
    fleet = load(Path(INVENTORY))
    there = dotenv_values(file, interpolate=False)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as stream:
        for name in required(fleet, list(fleet.hosts.values())):
            if name not in there:
                value = _value(name, escrow)
                stream.write(f"{name}={value}\n")


def _value(name: str, escrow: str) -> str:
    if name == ESCROW.variable:
        return escrow
    if MAIL.has(name):
        # Nobody's: the lab's own mail server takes what goes there.
        return f"{name.removeprefix(MAIL.variable).lower()}@lab.test"
    if MATRIX_TOKEN.has(name):
        return TOKEN
    return _made(kind_of(name).make)


def _made(command: str) -> str:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
