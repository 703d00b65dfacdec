"""systemd units, and the times of the files that they read."""

import shlex
from collections.abc import Mapping, Sequence
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
FILES = "%%files"
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
    """units: {name: UnitState}; modified: {path: ctime in seconds since 1970} if it exists."""

    units: Mapping[str, UnitState] = field(default_factory=dict)
    modified: Mapping[str, float] = field(default_factory=dict)


class Units(Fact[UnitsState]):
    """Units, and when the files that they read last changed, in one remote command."""

    def command(self, units: Sequence[str], files: Sequence[str] = ()) -> str:
        show = (
            f"systemctl show --timestamp=us+utc -p {','.join(PROPERTIES)} "
            f"{' '.join(map(shlex.quote, units))}"
        )
        if not files:
            return whole(show)
        # ctime, not mtime: a rename keeps the mtime, which is older than the file at its place.
        paths = " ".join(map(shlex.quote, files))
        # LC_ALL, because a host that speaks French writes a comma where Python wants a point.
        return whole(f"{show}; echo {FILES}; LC_ALL=C stat -c '%.6Z %n' {paths} 2>/dev/null")

    @staticmethod
    def default() -> UnitsState:
        return UnitsState()

    def parse(self, output: list[str]) -> UnitsState:
        shown, _, files = "\n".join(output).partition(FILES)
        blocks = (_pairs(block) for block in shown.split("\n\n"))
        units = {pairs["Id"]: _unit(pairs) for pairs in blocks if "Id" in pairs}
        times = (line.split(" ", 1) for line in files.splitlines() if line)
        return UnitsState(units, {path: float(seconds) for seconds, path in times})


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
        drop_ins=tuple(pairs.get("DropInPaths", "").split()),
        what=pairs.get("What", ""),
        options=tuple(option for option in pairs.get("Options", "").split(",") if option),
    )


def _seconds(text: str) -> float:
    if not text:
        return 0.0
    return datetime.strptime(text, TIMESTAMP).replace(tzinfo=UTC).timestamp()
