"""Commands that may hang: on a pool that is suspended, on a server that is away."""

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from programs.metrics import Failed
from programs.shared.lock import locked

SECONDS = 5.0
# How long a process that was killed may take to end. One that the kernel keeps may take longer.
END_SECONDS = 1.0
# zpool writes times as people read them: by these the program can.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Commands:
    """Runs each command for SECONDS at most, and not again while an earlier one hangs.

    locks: a directory for a file by command. The command has the file's lock until it has really
        ended, so that a host whose storage is away for days keeps one process and not thousands
    """

    def __init__(self, locks: Path) -> None:
        self._locks = locks

    def __call__(self, words: Sequence[str]) -> str:
        """What the command prints. Raises Failed, OSError."""
        name = hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
        self._locks.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(self._locks / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not locked(lock):
                raise Failed(f"{' '.join(words)}: the one before has not ended")
            return _run(words, lock)
        finally:
            os.close(lock)


def _run(words: Sequence[str], lock: int) -> str:
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        pass_fds=[lock], cwd="/", env=ENVIRONMENT, text=True, errors="surrogateescape",
    ) as child:  # fmt: skip
        try:
            told, said = child.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            try:
                child.communicate(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                # `with` would wait for its end, for which nobody knows when.
                child.returncode = -9
            raise Failed(f"{' '.join(words)}: has not ended within {SECONDS:.0f} s") from None
    if child.returncode != 0:
        last = (said.strip().splitlines() or [""])[-1]
        raise Failed(f"{' '.join(words)}: exit {child.returncode}: {last}")
    return told
