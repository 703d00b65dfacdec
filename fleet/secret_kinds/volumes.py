"""The secrets of encrypted volumes and of sets: passwords, and the escrow of keys."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from fleet import ROOT
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.secret_kinds.kind import Kind, Wrong

SHORTEST = 20


def escrow_path(value: str) -> Path:
    """The escrow directory. The value may begin with ~."""
    try:
        return Path(value).expanduser()
    except RuntimeError:  # ~somebody who has no account here
        return Path(value)


def _encrypted(hosts: Iterable[Host]) -> list[Host]:
    return [host for host in hosts if host.volume and host.volume.encrypted]


def _passwords(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    return [PASSWORD.of(host.name) for host in _encrypted(hosts)]


def _escrow(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    # Drills on a host with the role offsite open the copies of encrypted volumes by escrowed keys.
    restores = any("offsite" in host.roles for host in hosts) and _encrypted(fleet.hosts.values())
    needed = _encrypted(hosts) or restores or any(host.backup for host in hosts)
    return [ESCROW.variable] if needed else []


def _wrong_password(value: str | None) -> Wrong | None:
    remedy = f"put the output of `{PASSWORD.make}` there, and keep a copy elsewhere"
    if value is None:
        return "is not set", remedy
    if not value.isprintable():
        return "is not a single line of printable characters", remedy
    if len(value) < SHORTEST:
        return f"is shorter than {SHORTEST} characters", remedy
    return None


def _wrong_escrow(value: str | None) -> Wrong | None:
    remedy = "name a directory of your own with its whole path, such as ~/coop-escrow"
    if value is None:
        return "is not set", remedy
    directory = escrow_path(value)
    if not directory.is_absolute():
        return "is not an absolute path", remedy
    if not str(directory).isprintable():
        return "has a character that cannot be printed", remedy
    if directory.resolve().is_relative_to(ROOT):
        return "lies in this repository", remedy
    return _wrong_directory(directory)


def _wrong_directory(directory: Path) -> Wrong | None:
    if not directory.is_dir():
        # A run does not make the directory: it may be on a disk that is not plugged in.
        # The remedy does not show the value: a password in the wrong line may begin with a /.
        return "is no directory", "plug in what it is on, or make it: mkdir -m 700 -p DIRECTORY"
    if directory.stat().st_mode & 0o077:
        return "can be used by others than you", f"run chmod 700 {directory}"
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return "cannot be written", "name a directory of your own"
    return None


# The password of a host's encrypted volume.
PASSWORD = Kind("GOCRYPTFS_PASSWORD_", _passwords, _wrong_password, make="openssl rand -base64 32")

# The directory on the operator's machine that holds each gocryptfs.conf and master key.
ESCROW = Kind("ESCROW_DIRECTORY", _escrow, _wrong_escrow)
