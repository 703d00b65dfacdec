"""systemd units, and the times of the files that they read."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.fact import Fact, whole

PROPERTIES = [
    "Id",
    "LoadState",
    "UnitFileState",
    "ActiveState",
    "SubState",
    "Result",
    "NeedDaemonReload",
    "ActiveEnterTimestamp",
    "StateChangeTimestamp",
    "DropInPaths",
    "What",
    "Options",
]
FILES, NOTES, NOW = "%%files", "%%notes", "%%now"
CHANGES = "/run/coop-changes"
"""What runs have changed since the host booted, a line each and in this order: "written PATH",
"started UNIT", "reloaded UNIT", and "read" when systemd has read all unit files anew. At a boot all
units start on the files that are there, and the file of the notes is gone.
"""

TIMESTAMP = "%a %Y-%m-%d %H:%M:%S.%f %Z"


@dataclass(frozen=True)
class UnitState:
    """One unit, in systemd's own words (org.freedesktop.systemd1(5)).

    started: when the unit last became active, in seconds since 1970; 0 for never
    changed: the same for the last change of its state; a reload changes the state too
    drop_ins: the files in its .d directories that systemd has read
    what, options: of a mount unit, as the kernel has them while something is mounted there
    """

    load: str = "not-found"
    file: str = ""
    active: str = "inactive"
    sub: str = "dead"
    result: str = ""
    needs_daemon_reload: bool = False
    started: float = 0.0
    changed: float = 0.0
    drop_ins: tuple[str, ...] = ()
    what: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnitsState:
    """Units, and what tells whether they run on the files that are there.

    units: {name: UnitState}
    modified: {path: ctime in seconds since 1970} of each file that exists
    changes: the lines of CHANGES
    now: the host's time, in seconds since 1970
    """

    units: Mapping[str, UnitState] = field(default_factory=dict)
    modified: Mapping[str, float] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    now: float = 0.0

    def down(self, names: Iterable[str]) -> list[str]:
        """Those of the units that do not run, or are not there."""
        return [it for it in names if it not in self.units or self.units[it].active != "active"]

    def not_at_boot(self, names: Iterable[str]) -> list[str]:
        """Those of the units that a boot does not start."""
        return [it for it in names if it not in self.units or self.units[it].file != "enabled"]

    def is_written_since(self, path: str, *events: str) -> bool:
        """Whether a run has written the path, and none of these lines of CHANGES came after."""
        for line in reversed(self.changes):
            if line in events:
                return False
            if line == f"written {path}":
                return True
        return False


class Units(Fact[UnitsState]):
    """Units, when the files that they read last changed, and CHANGES, in one remote command."""

    def command(self, units: Sequence[str], files: Sequence[str] = ()) -> str:
        show = (
            f"systemctl show --timestamp=us+utc -p {','.join(PROPERTIES)} "
            f"{' '.join(map(shlex.quote, units))}"
        )
        # ctime, not mtime: a rename keeps the mtime, which is older than the file at its place.
        # LC_ALL, because a host that speaks French writes a comma where Python wants a point.
        paths = " ".join(map(shlex.quote, files))
        times = f"LC_ALL=C stat -c '%.6Z %n' {paths} 2>/dev/null" if files else "true"
        # The time comes last, so that nothing in the answer is later.
        return whole(
            f"{show}; echo {FILES}; {times}; echo {NOTES}; cat {shlex.quote(CHANGES)} 2>/dev/null; "
            f"echo {NOW}; date +%s.%6N"
        )

    @staticmethod
    def default() -> UnitsState:
        return UnitsState()

    def parse(self, output: list[str]) -> UnitsState:
        shown, _, rest = "\n".join(output).partition(f"{FILES}\n")
        files, _, rest = rest.partition(f"{NOTES}\n")
        changes, _, now = rest.partition(f"{NOW}\n")
        blocks = (_pairs(block) for block in shown.split("\n\n"))
        units = {pairs["Id"]: _unit(pairs) for pairs in blocks if "Id" in pairs}
        times = (line.split(" ", 1) for line in files.splitlines() if line)
        modified = {path: float(seconds) for seconds, path in times}
        return UnitsState(units, modified, tuple(changes.splitlines()), float(now))


def _pairs(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _unit(pairs: dict[str, str]) -> UnitState:
    return UnitState(
        load=pairs.get("LoadState", ""),
        file=pairs.get("UnitFileState", ""),
        active=pairs.get("ActiveState", ""),
        sub=pairs.get("SubState", ""),
        result=pairs.get("Result", ""),
        needs_daemon_reload=pairs.get("NeedDaemonReload") == "yes",
        started=_seconds(pairs.get("ActiveEnterTimestamp", "")),
        changed=_seconds(pairs.get("StateChangeTimestamp", "")),
        drop_ins=tuple(map(_unescaped, filter(None, pairs.get("DropInPaths", "").split(" ")))),
        what=pairs.get("What", ""),
        options=tuple(option for option in pairs.get("Options", "").split(",") if option),
    )


def _seconds(text: str) -> float:
    # Which of the two depends on the release.
    if text in ("", "n/a"):
        return 0.0
    return datetime.strptime(text, TIMESTAMP).replace(tzinfo=UTC).timestamp()


def _unescaped(path: str) -> str:
    r"""A path of several in one line, where a space is \x20."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), path)
