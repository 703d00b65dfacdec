"""Installs bbblb, with all that it needs pinned by digest, once a machine."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def environment() -> Path:
    """The virtual environment with bbblb. Makes it if it is not there, in less than half a minute.

    Raises CalledProcessError if a package cannot be had.
    """
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coop-infra"
    place = cache / f"bbblb-{pins}-{sys.version_info.major}.{sys.version_info.minor}"
    cache.mkdir(parents=True, exist_ok=True)
    with Path(f"{place}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # A file of its own, so that an interrupted installation is not taken for a finished one.
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            _install(place)
            (place / "complete").touch()
    return place


def _install(place: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--ignore-requires-python"]
    pip = [str(place / "bin/python"), "-m", "pip", "install", *options, "--require-hashes"]
    subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True, stdout=subprocess.DEVNULL)
