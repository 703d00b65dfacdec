"""Runs a part of this program in another's name, for a limited time."""

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from programs.recordings.problems import Problem

# How long a process that was killed may take to end. One that waits for a storage may take longer.
END_SECONDS = 10


@dataclass(frozen=True)
class Program:
    """How this program is started once more. file: its FILE"""

    path: Path
    file: Path

    def part(
        self,
        name: str,
        who: str | int,
        seconds: float,
        given: Any = None,
        descriptors: Sequence[int] = (),
    ) -> dict[str, Any]:
        """What the part of that name tells. Raises Problem.

        who: the account in whose name it runs, or its number
        given: for the part, as JSON; descriptors: open files that it gets, by the same numbers
        """
        words = [sys.executable, "-I", str(self.path), str(self.file), "part", name]
        child = subprocess.Popen(
            [*in_name_of(who), *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=descriptors, cwd="/", text=True, errors="backslashreplace",
        )  # fmt: skip
        try:
            told, said = child.communicate(json.dumps(given), timeout=seconds)
        except subprocess.TimeoutExpired:
            end(child)
            raise Problem("away", f"{name} has not ended within {seconds:.0f} s") from None
        if child.returncode != 0:
            last = (said.strip().splitlines() or [f"exit {child.returncode}"])[-1]
            raise Problem("failed", f"{name}: {last}")
        found: dict[str, Any] = json.loads(told)
        if problem := found.get("problem"):
            raise Problem(*problem)
        return found


def end(child: "subprocess.Popen[str]") -> None:
    """Kill the process, and wait for its end for a while: the kernel may keep it in a call."""
    child.kill()
    try:
        child.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        # The process has the lock, so that no other begins before it has ended.
        print(f"process {child.pid} does not end", file=sys.stderr)


def uid_of(who: str | int) -> int:
    """The account's number. Raises Problem."""
    try:
        return who if isinstance(who, int) else pwd.getpwnam(who).pw_uid
    except KeyError:
        raise Problem("failed", f"this host has no account {who}") from None


def in_name_of(who: str | int) -> list[str]:
    """The beginning of a command that runs with this account's powers, and never gets others."""
    uid = uid_of(who)
    gid = who if isinstance(who, int) else pwd.getpwuid(uid).pw_gid
    if os.geteuid() == uid:
        return []
    ids = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    return ["setpriv", *ids, "--no-new-privs", "--bounding-set=-all", "--"]
