"""Changes that undo themselves unless a run confirms them: commit, then confirm.

A run puts a change that could lock the operators out in force. Then the host waits for the proof
that they still get in. There is none if the run fails, is killed or loses its connection. Then the
host undoes the change by itself, also if it boots meanwhile.
Sources: systemd.timer(5), systemd.unit(5).

KEPT/NAME is a change that waits. The directory is there as a whole or not at all. The units
coop-undo@NAME stay installed, and do nothing while no change waits. If a run wrote and enabled them
for each change, systemd would read all of its units again each time.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from shlex import quote
from typing import Any, Protocol, TypeVar

from pyinfra import logger
from pyinfra.api import FunctionCommand, StringCommand

from engine.fact import Fact
from engine.operation import Answered, ask
from engine.report import give_reason, script, tell

PROOF_SECONDS = 60
"""How long a change waits for its proof before the host undoes it."""

CHANGE_SECONDS = 45
"""How long an undo waits for a step of the change that is still at work."""

ATTEMPTS_SECONDS = 15
"""How long a run tries the proof again: while sshd reloads, it does not listen for a moment."""

KEPT = "/var/lib/coop-infra/undo"
UNITS = "/etc/systemd/system"

# The unit is not ordered before any unit that an undo may reload, because that reload would wait
# for the undo to end. If a step hangs or fails, the unit starts again with the first step: half an
# undo may shut people out.
_SERVICE = """\
[Unit]
Description=Undo a change that nobody has confirmed
ConditionPathExists={kept}/%i/undo.sh
StartLimitIntervalSec=0
[Service]
Type=oneshot
ExecStart=/bin/sh {kept}/%i/undo.sh
TimeoutStartSec={limit}
Restart=on-failure
RestartSec=5
[Install]
WantedBy=multi-user.target
"""

_TIMER = """\
[Timer]
OnActiveSec={proof}
AccuracySec=100ms
"""

# One rename takes the change away, so that a reset of the machine never leaves half of it.
_FORGET = """\
rm -rf {kept}/.{name}.old
mv -T {place} {kept}/.{name}.old
rm -rf {kept}/.{name}.old"""

# An undo waits until a step of the change that is at work has ended, but not for ever: it may hang.
# Without the sync a file that was put back could be empty after a reset.
_UNDO = """\
exec 9< {place}; flock -w {change} 9 || true
set -e
tar -x -P -p -f {place}/files.tar
xargs -r -d '\\n' rm -f -- < {place}/absent
{then}
sync -f {place} {units}
{forget}
"""

_KEEP = """\
[ ! -e {place} ] || {{ echo {place} is there, so another run is at work >&2; exit 1; }}
mkdir -p -m 700 {kept}; rm -rf {new}; mkdir -m 700 {new}
for path in {files}; do
  if [ -e "$path" ] || [ -L "$path" ]; then list=there; else list=absent; fi
  printf '%s\\n' "$path" >> {new}/$list
done
touch {new}/there {new}/absent
tar -c -P -f {new}/files.tar -T {new}/there
cat > {new}/undo.sh <<'END-OF-UNDO'
{undo}END-OF-UNDO
cat > {new}/service <<'END-OF-UNIT'
{service}END-OF-UNIT
cat > {new}/timer <<'END-OF-UNIT'
{timer}END-OF-UNIT
"""

# Earlier versions of this project wrote units for each change, under names of their own. A host may
# still have them.
_REMOVE_FORMER_UNITS = """\
if [ -e {units}/{former}.service ] || [ -e {units}/{former}.timer ]; then
  systemctl stop {former}.timer {former}.service 2> /dev/null || true
  systemctl reset-failed {former}.timer {former}.service 2> /dev/null || true
  systemctl -q disable {former}.service 2> /dev/null || true
  rm -f {units}/{former}.service {units}/{former}.timer
  systemctl daemon-reload
fi
"""

# A timer that has elapsed is active, and would not start again. If a run was cut off after it wrote
# the units, systemd has not read them and needs a reload. systemd reads the link for the next boot
# at that boot: to read all units again takes seconds on a slow machine.
_INSTALL = """\
ready=yes
for kind in service timer; do
  file={units}/coop-undo@.$kind
  if ! cmp -s {new}/$kind $file; then
    cp {new}/$kind $file.new; mv $file.new $file; ready=
  fi
done
[ -e {units}/multi-user.target.wants/{unit}.service ] ||
  systemctl --no-reload -q enable {unit}.service
systemctl show -P ActiveState -P NeedDaemonReload {unit}.timer {unit}.service > {new}/state
if [ -z "$ready" ] || grep -q -v -x -e inactive -e no -e '' {new}/state; then
  systemctl stop {unit}.timer {unit}.service 2> /dev/null || true
  systemctl daemon-reload
  systemctl reset-failed {unit}.timer {unit}.service 2> /dev/null || true
fi
"""

# Without the sync a file could be empty after a reset, or not there.
_START = """\
sync -f {new} {units}
mv -T {new} {place}
sync {kept}
systemctl start {unit}.timer && systemctl is-active -q {unit}.timer || {{
  echo {unit}.timer does not start, so nothing was changed >&2
  {forget}
  exit 1
}}
"""

# Without the sync a reset in the next seconds would undo the confirmed change.
_CONFIRM = """\
systemctl stop {unit}.timer || true
[ -d {place} ] && [ "$(systemctl show -P ActiveState {unit}.service)" = inactive ] || {{
  echo 'the change was undone before it was confirmed: the proof came too late. Is the host slow,' \
    'or does each sudo wait for DNS (sudo: unable to resolve host)?' >&2
  exit 1
}}
{forget}
sync -f {kept} {units}
"""

# Earlier versions of this project made the directory first. If undo.sh does not end as it should,
# the run was cut off or the disk was full before any change.
_NOW = """\
case $(tail -n 1 {place}/undo.sh 2> /dev/null) in
'rm -rf {place}' | 'rm -rf {kept}/.{name}.old') ;;
*)
  if [ -d {place} ]; then
    systemctl stop {former}.timer {former}.service {unit}.timer {unit}.service 2> /dev/null || true
    {forget}
  fi ;;
esac
if [ -e {units}/{former}.service ]; then
  systemctl stop {former}.timer || true
  systemctl start {former}.service || true
fi
systemctl stop {unit}.timer || true
systemctl start {unit}.service || true
[ ! -d {place} ] || {{
  echo "{place}/undo.sh has failed (docs/locked-out.md): journalctl -u {unit}" >&2
  exit 1
}}
"""

_WHILE_IT_WAITS = """\
[ -d {place} ] && exec 9< {place} && flock 9 && [ -d {place} ] || \
{{ echo the change was undone before it was made >&2; exit 1; }};"""


def directory(name: str) -> str:
    """The directory that the host has while the change waits to be confirmed, and no longer."""
    return f"{KEPT}/{name}"


class _Looked(Protocol):
    @property
    def files(self) -> Mapping[str, object]: ...


Looked = TypeVar("Looked", bound=_Looked)


def looked(name: str, kind: type[Fact[Looked]], **arguments: Any) -> Answered[Looked]:
    """The fact, after an earlier change that nobody has confirmed is undone.

    If a run was cut off before the undo was whole, it had changed nothing: what is left goes.

    name: of the change
    kind, arguments: of a fact that has `directory(name)` among the files that it looks for
    """
    found = yield from ask(kind, **arguments)
    if directory(name) in found.files:
        tell("an earlier change was never confirmed: undone; or cleared, if it had not begun")
        yield script(now(name))
        found = yield from ask(kind, **arguments)
    return found


def unless_proven(
    name: str,
    change: Iterable[StringCommand],
    prove: Callable[[], None],
    *,
    files: Sequence[str],
    then: Sequence[str],
    before: Sequence[str] = (),
) -> Iterator[StringCommand | FunctionCommand]:
    """The commands of a change that undoes itself unless it is proven.

    name: of the change, for its units coop-undo@NAME
    prove: raises an exception if the operators would be locked out
    files: those that the change may write, make or remove; an undo makes them as they are now
    then: lines of POSIX sh by which an undo puts the old files in force
    before: lines that run first, in the same remote command as the preparation; an undo leaves
        what they did
    """
    yield script(*before, arm(name, files, then))
    for command in change:
        yield _while_it_waits(name, command)
    yield FunctionCommand(_is_proven, (prove,), {})
    yield script(confirm(name))


def _while_it_waits(name: str, command: StringCommand) -> StringCommand:
    """The command, unless the change is undone already. An undo waits until the command has ended.

    On a slow machine the command could come after the undo. Then nobody would undo its effect.
    """
    return StringCommand(_text(name, _WHILE_IT_WAITS), command, **command.connector_arguments)


def _is_proven(state: Any, host: Any, prove: Callable[[], None]) -> bool:
    end = time.monotonic() + ATTEMPTS_SECONDS
    while True:
        try:
            prove()
        except Exception as error:
            # Any error means that there is no proof.
            if time.monotonic() < end:
                time.sleep(1)
                continue
            text = f"not proven, so the change undoes itself within {PROOF_SECONDS} s: {error}"
            host.log_styled(text, fg="red", log_func=logger.error)
            give_reason(host.name, text)
            return False
        return True


def arm(name: str, files: Sequence[str], then: Sequence[str]) -> str:
    """POSIX sh that keeps what the change is about to change, and starts the timer of the undo.

    If the timer does not run, the script fails, and nothing is changed.
    """
    undo = _text(name, _UNDO, change=CHANGE_SECONDS, then="\n".join(then))
    return _text(
        name,
        _KEEP + _REMOVE_FORMER_UNITS + _INSTALL + _START,
        files=" ".join(map(quote, files)),
        undo=undo,
        service=_SERVICE.format(kept=KEPT, limit=CHANGE_SECONDS + 45),
        timer=_TIMER.format(proof=PROOF_SECONDS),
    )


def confirm(name: str) -> str:
    """POSIX sh by which the change stays. Fails if an undo of the change is done or at work."""
    return _text(name, _CONFIRM)


def now(name: str) -> str:
    """POSIX sh that undoes the waiting change at once, or waits for an undo that is at work."""
    return _text(name, _NOW)


def _text(name: str, text: str, **more: object) -> str:
    names = {
        "name": name,
        "kept": KEPT,
        "place": directory(name),
        "new": f"{KEPT}/.{name}.new",
        "units": UNITS,
        "unit": f"coop-undo@{name}",
        "former": f"coop-undo-{name}",
    }
    return text.format(**names, forget=_FORGET.format(**names), **more)
