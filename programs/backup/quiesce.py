"""Keeps services stopped while their files are copied, and starts them again."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from programs.backup import Settings
from programs.backup.command import Failed, call
from programs.shared.whole import replace

# The units that were stopped, in the order in which they start again.
STOPPED = Path("/run/coop-backup-stopped")
RUNNING = ("active", "activating", "reloading", "refreshing")
TRIGGERS = (".socket", ".timer", ".path", ".automount")


def stop(settings: Settings) -> Callable[[], None]:
    """Stop the units that are to be quiet, those that end with them, and whatever starts them.

    `start` starts them again. Returns a function that raises Failed if a unit has run since.
    Raises Failed.
    """
    named = settings["source"]["quiesce"]
    if unknown := [unit for unit in named if _properties(unit, "LoadState") != ["loaded"]]:
        raise Failed(f"to be stopped, but not on this host: {', '.join(unknown)}")
    _refuse(named, settings["kept_running"])
    starters = [it for it in settings["starters"] if named and _runs(it)]
    first = [*(it for it in _reached(named) if it.endswith(TRIGGERS) and _runs(it)), *starters]
    # At this moment a timer's job may be about to start what is stopped below.
    jobs = [job for it in starters for job in _properties(it, "Triggers")]
    _stop(first, jobs, later=[])
    # Only now, because what has been stopped so far may have started one of these.
    quiet = [it for it in _reached(named) if it not in first]
    _stop([it for it in quiet if _runs(it)], [], later=first)
    before = {it: _last_start(it) for it in quiet}

    def held() -> None:
        # systemd forgets the times of a unit that nothing refers to, and says 0.
        new = [it for it, last in before.items() if _last_start(it) not in (last, "0")]
        if again := [it for it in before if it in new or _runs(it)]:
            raise Failed(
                f"{', '.join(again)}: started again after the stop, so what is copied is not of "
                "one moment. journalctl says by what: name that in quiesce too"
            )

    held()
    return held


def start() -> None:
    """Start what was stopped. Raises Failed once all was tried, and does not try again."""
    stopped = STOPPED.read_text().split() if STOPPED.exists() else []
    problems = []
    for unit in stopped:
        try:
            call("systemctl", "start", unit)
        except Failed as error:
            problems.append(str(error))
    STOPPED.unlink(missing_ok=True)
    if problems:
        raise Failed("; ".join(problems))


def _refuse(named: Sequence[str], kept_running: Sequence[str]) -> None:
    """Refuse to stop what would shut out the host's operators, or end the night. Raises Failed."""
    for name in named:
        for unit in filter(_runs, _reached([name])):
            if any(fnmatchcase(unit, pattern) for pattern in kept_running):
                raise Failed(
                    f"to stop {name} would stop {unit}, which has to run: take {name} out of "
                    "quiesce"
                )


def _stop(units: Sequence[str], jobs: Sequence[str], later: Sequence[str]) -> None:
    """Stop the units and the jobs. Notes the units, and those that start later than they."""
    replace(STOPPED, "\n".join([*units, *later]))
    if units:
        call("systemctl", "stop", *units, *jobs)


def _reached(named: Sequence[str]) -> list[str]:
    """The units, those that stop with them while they run, and what starts any of these."""
    reached: dict[str, None] = {}
    todo = [*reversed(named)]
    while todo:
        # An alias has another name.
        (unit,) = _properties(todo.pop(), "Id")
        if unit in reached:
            continue
        reached[unit] = None
        todo += _properties(unit, "TriggeredBy")
        if _runs(unit):
            # Units that require this unit stop with it, but do not start with it: systemd.unit(5).
            todo += _properties(unit, "RequiredBy", "BoundBy", "ConsistsOf")
    return list(reached)


def _runs(unit: str) -> bool:
    return _properties(unit, "ActiveState")[0] in RUNNING


def _last_start(unit: str) -> str:
    """When the unit last began to start, by a clock that nobody sets: systemd's own words."""
    return " ".join(_properties(unit, "InactiveExitTimestampMonotonic"))


def _properties(unit: str, *names: str) -> list[str]:
    """The words of all these properties of the unit."""
    return call("systemctl", "show", "--value", "-p", ",".join(names), unit).split()
