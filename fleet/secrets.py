"""The operator's secrets: read from .env and the environment, checked, and never printed."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr

from fleet import LAB_STATE, ROOT, is_lab
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.people import Person, is_over
from fleet.reading.problems import FleetError, Problem, shown_path

ESCROW = "ESCROW_DIRECTORY"
PASSWORD = "GOCRYPTFS_PASSWORD_"
PRESHARED = "WIREGUARD_PSK_"
SHORTEST = 20


def file_for(fleet: Fleet) -> Path:
    """The file of secrets that belongs to the fleet's inventory: the lab has its own."""
    return LAB_STATE / "env" if is_lab(fleet.file) else ROOT / ".env"


def password_name(host: Host) -> str:
    """The variable with the password of the host's encrypted volume."""
    return PASSWORD + host.name.upper().replace("-", "_")


def preshared_name(person: Person) -> str:
    """The variable with the secret that is mixed into the person's connection to a hub."""
    return PRESHARED + person.name.upper().replace("-", "_")


def required(fleet: Fleet, hosts: Sequence[Host]) -> tuple[str, ...]:
    """The variables that a run on these hosts needs."""
    names = tuple(password_name(host) for host in hosts if host.volume and host.volume.encrypted)
    people = fleet.people.values() if any("hub" in host.roles for host in hosts) else ()
    now = datetime.now(UTC)
    preshared = (
        preshared_name(person)
        for person in people
        if person.vpn and person.vpn.preshared and not is_over(person.expires, now)
    )
    # A host that keeps copies opens those of encrypted volumes by their escrowed keys.
    restores = any("offsite" in host.roles for host in hosts) and any(
        it.volume and it.volume.encrypted for it in fleet.hosts_with_volume()
    )
    escrows = names or restores or any(host.backup for host in hosts)
    return (*names, *((ESCROW,) if escrows else ()), *preshared)


class Secrets:
    """Secrets by the name of their variable. Neither str nor repr shows a value."""

    def __init__(self, file: Path, values: Mapping[str, SecretStr]) -> None:
        self.file = file
        self._values = dict(values)

    @classmethod
    def load(cls, file: Path, environ: Mapping[str, str]) -> "Secrets":
        """Reads file, which need not exist; a variable of environ goes before its line there.

        Raises FleetError if the file is there and cannot be read.
        """
        try:
            # No interpolation: a password may hold "${".
            values = dotenv_values(file, interpolate=False)
        except (OSError, UnicodeDecodeError) as error:
            message = f"cannot be read: {type(error).__name__}"
            remedy = "make it a text file that you may read"
            raise FleetError([Problem(shown_path(file), "", "", message, remedy)]) from None
        own = {
            name: environ[name]
            for name in environ
            if re.match(f"{ESCROW}$|{PASSWORD}|{PRESHARED}", name)
        }
        merged = {**values, **own}
        return cls(file, {name: SecretStr(value) for name, value in merged.items() if value})

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"

    def get(self, name: str) -> str | None:
        """The value in the clear, None if it is not set. Hand it to nothing that prints."""
        secret = self._values.get(name)
        return secret.get_secret_value() if secret else None

    @property
    def escrow_directory(self) -> Path | None:
        """Where gocryptfs.conf and master keys are kept on the operator's machine."""
        value = self.get(ESCROW)
        if value is None:
            return None
        try:
            return Path(value).expanduser()
        except RuntimeError:  # ~somebody who has no account here
            return Path(value)

    def problems(self, *names: str) -> list[Problem]:
        """What is wrong with these variables and their file; messages never hold a value."""
        found = ((name, self._check(name)) for name in names)
        file = shown_path(self.file)
        problems = [Problem(file, name, "", *wrong) for name, wrong in found if wrong]
        if names and self.file.exists() and (mode := self.file.stat().st_mode & 0o077):
            message = f"can be used by others than you (mode {mode:04o} for them)"
            problems.append(Problem(file, "", "", message, f"run chmod 600 {file}"))
        return problems

    def _check(self, name: str) -> tuple[str, str] | None:
        if name == ESCROW:
            return self._check_escrow()
        value = self.get(name)
        if name.startswith(PRESHARED):
            return _check_preshared(value)
        remedy = "put the output of `openssl rand -base64 32` there, and keep a copy elsewhere"
        if value is None:
            return "is not set", remedy
        if not value.isprintable():
            return "is not a single line of printable characters", remedy
        if len(value) < SHORTEST:
            return f"is shorter than {SHORTEST} characters", remedy
        return None

    def _check_escrow(self) -> tuple[str, str] | None:
        directory = self.escrow_directory
        remedy = "name a directory of your own with its whole path, such as ~/coop-escrow"
        if directory is None:
            return "is not set", remedy
        if not str(directory).isprintable() or not directory.is_absolute():
            return "is not an absolute path", remedy
        if directory.resolve().is_relative_to(ROOT):
            return "lies in this repository", remedy
        return _check_there(directory)


def _check_preshared(value: str | None) -> tuple[str, str] | None:
    remedy = "put the output of `wg genpsk` there; the person needs it too"
    if value is None:
        return "is not set", remedy
    # Written as 32 bytes are in base64 by wg(8), and not all of them 0, which stands for none.
    if not re.fullmatch(r"(?!A{43}=)[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", value):
        return "is not a preshared key of WireGuard", remedy
    return None


def _check_there(directory: Path) -> tuple[str, str] | None:
    if not directory.is_dir():
        # Not made here: it may be on a disk that is not plugged in.
        return "is no directory", f"plug in what it is on, or run mkdir -m 700 -p {directory}"
    if directory.stat().st_mode & 0o077:
        return "can be used by others than you", f"run chmod 700 {directory}"
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return "cannot be written", "name a directory of your own"
    return None
