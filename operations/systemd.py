"""systemd units: enabled, and running on the files that are there now."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

from pyinfra import host, logger, state
from pyinfra.api import FunctionCommand, StringCommand

from engine.operation import Commands, ask, operation
from engine.report import tell
from facts.systemd import Units, UnitsState, UnitState
from operations import in_force
from operations.files import pending

# Makes links only. By itself systemctl makes systemd read all units again for each call, and
# update-rc.d does so for each unit with a SysV script. Once after all links is enough.
LINK = "SYSTEMCTL_SKIP_SYSV=1 systemctl --no-reload -q"

UNIT_FILES = "/etc/systemd/system/"


@dataclass(frozen=True)
class Unit:
    """A unit that starts at boot and runs now.

    enabled: False for a unit that another unit starts (static)
    restart_on, reload_on: the files that the unit reads. A file that a run has written, or that is
        newer than the unit's last start (or reload), has not taken effect yet, also if a run was
        cut off before the restart. A time that is still to come proves nothing
    what, options: of a mount unit: what has to be mounted, and with which options at least, in the
        kernel's words (vers=4.2, not nfsvers). The unit is restarted if somebody has mounted
        something else, or without these options
    """

    name: str
    enabled: bool = True
    restart_on: tuple[str, ...] = ()
    reload_on: tuple[str, ...] = ()
    what: str | None = None
    options: tuple[str, ...] = ()


@operation()
def running(
    units: Sequence[Unit],
    masked: Sequence[str] = (),
    loaded: Sequence[str] = (),
    drop_ins: Sequence[str] = (),
) -> Commands:
    """These units are enabled and running on their present files; the masked units cannot start.

    loaded: units that other units start. systemd only has to know their present files, and none of
        them is masked
    drop_ins: files in the .d directories of the loaded units, or of units that are no business of
        this operation's otherwise

    Units start in the given order. A unit that does not start fails the host, with the last lines
    of its journal. Never stops or disables a unit that is not named.

    Example::

        systemd.running(
            name="Services",
            units=[
                systemd.Unit("nginx.service", reload_on=("/etc/nginx/nginx.conf",)),
                systemd.Unit("board-tidy.timer"),
            ],
            loaded=["board-tidy.service"],
        )
    """
    read = {path for unit in units for path in unit.restart_on + unit.reload_on}
    files = sorted(read.union(drop_ins))
    names = [*(unit.name for unit in units), *masked, *loaded]
    names += sorted({_unit_of(path) for path in drop_ins}.difference(names))
    now = yield from ask(Units, units=names, files=files)
    unread = {_unit_of(path) for path in drop_ins if _is_unread(path, now)}
    changed = [
        name
        for name, unit in now.units.items()
        if unit.needs_daemon_reload or name in unread or _is_written_unread(name, now)
    ]
    for name in changed:
        tell(f"{name}: its files changed, so systemd reads them again")
    setup = [
        *_unmask([*(unit.name for unit in units), *loaded], now),
        *_mask(masked, now),
        *_enable(units, now),
    ]
    verbs = [(unit, _verb(unit, _state(now, unit.name), now)) for unit in units]
    # With the present time, these files restart a unit once, and not in each run until that time.
    ahead = sorted(path for path in read if now.modified.get(path, 0.0) > now.now)
    touch = [f"touch -c -- {' '.join(map(quote, ahead))}"] if ahead else []
    # Before any start, because NeedDaemonReload does not show a new .d directory: systemd looks for
    # such directories in a list of paths that it made earlier.
    if changed or setup or any(verb in ("start", "restart") for _, verb in verbs):
        setup += ["systemctl daemon-reload", in_force.note("read")]
    calls = [_call(unit, verb) for unit, verb in verbs if verb]
    commands = [*touch, *setup, *_stop(masked, now), *calls]
    if not commands:
        host.noop("all units are enabled and running")
        return
    yield StringCommand("set -e; " + "; ".join(commands))


@operation()
def finished(unit: str) -> Commands:
    """The unit, which does one thing and ends, has run once more and has succeeded.

    When the unit ends, the run prints what the unit wrote to the journal. If the unit fails, the
    host fails.
    """
    tell(f"{unit}: runs now")
    yield FunctionCommand(_run, (unit,), {})


def _run(state: Any, host: Any, unit: str) -> bool:
    ok, output = host.run_shell_command(
        StringCommand(
            f"since=$(date +%s); systemctl start {quote(unit)}; status=$?; "
            "journalctl --sync; "
            f'journalctl -o cat --no-pager --since="@$since" -u {quote(unit)}; '
            "exit $status"
        ),
        _sudo=True,
    )
    for line in output.stdout_lines:
        host.log(line, log_func=logger.info if ok else logger.error)
    return bool(ok)


def _state(now: UnitsState, name: str) -> UnitState:
    return now.units.get(name, UnitState())


def _unmask(names: Sequence[str], now: UnitsState) -> list[str]:
    wrong = [name for name in names if _state(now, name).file.startswith("masked")]
    for name in wrong:
        tell(f"{name}: masked -> not masked")
    runtime = [name for name in wrong if _state(now, name).file == "masked-runtime"]
    calls = [("unmask", wrong), ("unmask --runtime", runtime)]
    return [f"{LINK} {verb} {' '.join(map(quote, found))}" for verb, found in calls if found]


def _mask(names: Sequence[str], now: UnitsState) -> list[str]:
    wrong = [name for name in names if not _state(now, name).file.startswith("masked")]
    for name in wrong:
        tell(f"{name}: {_state(now, name).file or 'not there'} -> masked")
    return [f"{LINK} mask {' '.join(map(quote, wrong))}"] if wrong else []


def _enable(units: Sequence[Unit], now: UnitsState) -> list[str]:
    wrong = [
        unit.name for unit in units if unit.enabled and _state(now, unit.name).file != "enabled"
    ]
    for name in wrong:
        tell(f"{name}: {_state(now, name).file or 'not there'} -> enabled")
    return [f"{LINK} enable {' '.join(map(quote, wrong))}"] if wrong else []


def _stop(names: Sequence[str], now: UnitsState) -> list[str]:
    wrong = [name for name in names if _state(now, name).active == "active"]
    for name in wrong:
        tell(f"{name}: active -> stopped")
    return [f"systemctl stop {' '.join(map(quote, wrong))}"] if wrong else []


def why_not(unit: str) -> str:
    """A command that prints the last lines of a unit that has failed. unit: quoted for sh

    Of a unit that tries again and again, `systemctl status` shows only what came after the reason.
    """
    return f"{{ journalctl --sync; journalctl -o cat -n 20 --no-pager -u {unit}; }} >&2"


def _call(unit: Unit, verb: str) -> str:
    name = quote(unit.name)
    why = why_not(name)
    done = in_force.note(f"{'reloaded' if verb == 'reload' else 'started'} {unit.name}")
    return f"systemctl {verb} {name} || {{ {_again(unit, verb)}{why}; exit 1; }}; {done}"


def _again(unit: Unit, verb: str) -> str:
    """A command that notes the unit's files, so that the next run tries again what fails now.

    A failure moves the unit's times too. A mount that was busy stays active on its old file, and a
    service on its old configuration.
    """
    files = {"restart": unit.restart_on, "reload": unit.reload_on}.get(verb, ())
    return f"{in_force.written(files)}; " if files else ""


def _verb(unit: Unit, state: UnitState, now: UnitsState) -> str | None:
    if state.active != "active":
        tell(f"{unit.name}: {state.active} ({state.sub}) -> running")
        return "restart" if state.active == "failed" else "start"
    if otherwise := _mounted_otherwise(unit, state):
        tell(f"{unit.name}: mounted {otherwise}")
        return "restart"
    started = f"started {unit.name}"
    path = _newer(unit.restart_on, state.started, now, started) or _unread(unit, now)
    if path is None and unit.restart_on and state.needs_daemon_reload:
        # The unit may have started after its files changed, but on what systemd had read before.
        path = "files that systemd has not read"
    if path:
        tell(f"{unit.name}: restart, for {path}")
        return "restart"
    if path := _newer(unit.reload_on, state.changed, now, started, f"reloaded {unit.name}"):
        tell(f"{unit.name}: reload, for {path}")
        return "reload"
    return None


def _mounted_otherwise(unit: Unit, state: UnitState) -> str | None:
    """How the mount differs from the wanted mount; None if it does not."""
    if unit.what not in (None, state.what):
        return f"from {state.what} -> {unit.what}"
    missing = [option for option in unit.options if option not in state.options]
    return f"{','.join(state.options)} -> {','.join(missing)}" if missing else None


def _unread(unit: Unit, now: UnitsState) -> str | None:
    """The first of the unit's drop-ins that exists and that systemd has not read."""
    own = (path for path in unit.restart_on if _unit_of(path) == unit.name)
    return next((path for path in own if _is_unread(path, now)), None)


def _is_unread(drop_in: str, now: UnitsState) -> bool:
    """Whether systemd has not read the file. For a new directory NeedDaemonReload stays "no".

    systemd reads no drop-in of a unit that is masked, or that has no file.
    """
    unit = _state(now, _unit_of(drop_in))
    return drop_in in now.modified and unit.load == "loaded" and drop_in not in unit.drop_ins


def _unit_of(drop_in: str) -> str:
    """The unit in whose .d directory the file is. For any other file this is no unit."""
    return drop_in.rpartition("/")[0].rpartition("/")[2].removesuffix(".d")


def _is_written_unread(name: str, now: UnitsState) -> bool:
    """Whether a run has written a file of the unit, and systemd has not read it since.

    Where the clock was ahead, NeedDaemonReload stays "no": it compares the files' times.
    """
    written = (line.partition(" ") for line in now.changes)
    paths = {path for word, _, path in written if word == "written" and path.startswith(UNIT_FILES)}
    own = (it for it in paths if name in (it.rpartition("/")[2], _unit_of(it)))
    return any(now.is_written_since(path, "read") for path in own)


def _newer(paths: Sequence[str], since: float, now: UnitsState, *events: str) -> str | None:
    """The first of these files that has changed since then, or would change in this dry run.

    since: in seconds since 1970; events: the lines of CHANGES that a file has to come after
    """
    dry = pending[host.name] if not state.is_executing else set()
    for path in paths:
        modified = now.modified.get(path)
        if path in dry or now.is_written_since(path, *events):
            return path
        if modified is not None and (modified > since or since > now.now):
            ahead = max(modified, since) > now.now
            return f"{path}: the host's clock was ahead" if ahead else path
    return None
