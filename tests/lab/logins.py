"""Logins by SSH as the lab's people, each by a connection of its own."""

import subprocess
from pathlib import Path

from lab.machines import STATE, Machine

FRESH = [
    *("ssh", "-F", "none", "-q", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"),
    *("-o", "IdentityAgent=none", "-o", "StrictHostKeyChecking=no"),
    *("-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=15"),
]
ALONE = ("-o", "ControlMaster=no", "-o", "ControlPath=none")


def key_of(person: str) -> Path:
    """The private key of one of the lab's people."""
    return STATE / "people" / person / "id_ed25519"


def command(key: Path, account: str, address: str, *words: str) -> list[str]:
    """The words of an ssh command that logs in by that key alone; `words` are further options."""
    return [*FRESH, "-i", str(key), "-l", account, *words, address]


def gets_in(machine: Machine, account: str, key: Path, run: str = "true") -> bool:
    """Whether a new login to the account by that key, running a command, succeeds."""
    words = [*command(key, account, machine.address, *ALONE), run]
    return subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 0


def new_key(directory: Path, name: str = "id_ed25519") -> Path:
    """A new private key, which no record has."""
    file = directory / name
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
    subprocess.run(make, check=True)
    return file


def public(key: Path) -> str:
    """The public half: "kind base64"."""
    words = ["ssh-keygen", "-y", "-f", str(key)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split()[:2])
