"""Changes that undo themselves unless they are confirmed: commit, then confirm.

What could lock the operators out is put in force while the host waits for the proof that they still
get in. Without it, as the run has failed, was killed or lost its connection, the host goes back by
itself, and also if it is booted meanwhile. Source: systemd.timer(5).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from shlex import quote
from typing import Any, Protocol, TypeVar

from pyinfra import logger
from pyinfra.api import FunctionCommand, StringCommand

from engine.fact import Fact
from engine.operation import Answered, ask
from engine.report import script, tell

PROOF_SECONDS = 60
"""How long a change waits for its proof."""

CHANGE_SECONDS = 45
"""How long an undo waits for a step of the change that is at work."""

ATTEMPTS_SECONDS = 15
"""How long a proof is tried again: sshd does not listen for a moment while it reloads."""

KEPT = "/var/lib/coop-infra/undo"
UNITS = "/etc/systemd/system"


def directory(name: str) -> str:
    """What is there while the change waits for its confirmation, and no longer."""
    return f"{KEPT}/{name}"


class _Looked(Protocol):
    @property
    def files(self) -> Mapping[str, object]: ...


Looked = TypeVar("Looked", bound=_Looked)


def looked(name: str, kind: type[Fact[Looked]], **arguments: Any) -> Answered[Looked]:
    """The fact, once an earlier change that nobody has confirmed is undone.

    kind, arguments: of a fact that has `directory(name)` among the files that it looks for
    """
    found = yield from ask(kind, **arguments)
    if directory(name) in found.files:
        tell("an earlier change was never confirmed: undone")
        yield script(*now(name))
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

    name: of the change, for its units coop-undo-NAME
    prove: raises an exception if the operators would be locked out
    files: those that the change may write, make or remove: they will be as they are now
    then: lines of POSIX sh that put the old files in force
    before: lines for the same remote command as the preparation, whose effect stays
    """
    yield script(*before, *arm(name, files, then))
    for command in change:
        yield _while_it_waits(name, command)
    yield FunctionCommand(_is_proven, (prove,), {})
    yield script(*confirm(name))


def _while_it_waits(name: str, command: StringCommand) -> StringCommand:
    """The command, unless the change is undone already; an undo waits until it has ended.

    What comes into force after its undo, as on a machine that is slow, nobody would undo.
    """
    place = directory(name)
    return StringCommand(
        f"[ -d {place} ] && exec 9< {place} && flock 9 && [ -d {place} ] ||"
        " { echo the change was undone before it was made >&2; exit 1; };",
        command,
        **command.connector_arguments,
    )


def _is_proven(state: Any, host: Any, prove: Callable[[], None]) -> bool:
    end = time.monotonic() + ATTEMPTS_SECONDS
    while True:
        try:
            prove()
        except Exception as error:
            # Whatever hinders it, it is no proof.
            if time.monotonic() < end:
                time.sleep(1)
                continue
            text = f"not proven, so the change undoes itself within {PROOF_SECONDS} s: {error}"
            host.log_styled(text, fg="red", log_func=logger.error)
            return False
        return True


def arm(name: str, files: Sequence[str], then: Sequence[str]) -> list[str]:
    """Lines that keep what is to be changed, and start the clock.

    If the timer does not run, the script ends there, before anything is changed.
    """
    place, unit = directory(name), _unit(name)
    return [
        f"systemctl stop {unit}.timer {unit}.service 2> /dev/null || true",
        f"systemctl reset-failed {unit}.timer {unit}.service 2> /dev/null || true",
        *_forget(name),
        f"mkdir -p -m 700 {KEPT}; mkdir -m 700 {place}",
        f"for path in {' '.join(map(quote, files))}; do",
        '  if [ -e "$path" ] || [ -L "$path" ]; then list=there; else list=absent; fi',
        f"  printf '%s\\n' \"$path\" >> {place}/$list",
        "done",
        f"touch {place}/there {place}/absent",
        f"tar -c -P -f {place}/files.tar -T {place}/there",
        f"cat > {place}/undo.sh <<'END-OF-UNDO'",
        # What of the change is at work now ends first; one that hangs is not waited for.
        f"exec 9< {place}; flock -w {CHANGE_SECONDS} 9 || true",
        "set -e",
        f"tar -x -P -p -f {place}/files.tar",
        f"xargs -r -d '\\n' rm -f -- < {place}/absent",
        *then,
        *_forget(name),
        "END-OF-UNDO",
        *_written(
            f"{UNITS}/{unit}.service",
            "[Unit]",
            "Description=Undo a change that nobody has confirmed",
            "StartLimitIntervalSec=0",
            "[Service]",
            "Type=oneshot",
            f"ExecStart=/bin/sh {place}/undo.sh",
            # If a step hangs or fails, all is done again: half an undo may shut people out.
            f"TimeoutStartSec={CHANGE_SECONDS + 45}",
            "Restart=on-failure",
            "RestartSec=5",
            "[Install]",
            "WantedBy=multi-user.target",
        ),
        *_written(
            f"{UNITS}/{unit}.timer",
            "[Timer]",
            f"OnActiveSec={PROOF_SECONDS}",
            "AccuracySec=100ms",
        ),
        # Without an order before any unit that `then` may reload: that would wait for this one.
        "systemctl daemon-reload",
        f"systemctl -q enable {unit}.service",
        # What is written and not synced is an empty file after a reset, or none.
        f"sync -f {place} {UNITS}",
        f"systemctl start {unit}.timer && systemctl is-active -q {unit}.timer ||"
        f" {{ echo {unit}.timer does not start, so nothing was changed >&2; exit 1; }}",
    ]


def confirm(name: str) -> list[str]:
    """Lines by which the change stays. They end in an error if it is or is being undone."""
    place, unit = directory(name), _unit(name)
    return [
        f"systemctl stop {unit}.timer || true",
        f'[ -d {place} ] && [ "$(systemctl show -P ActiveState {unit}.service)" = inactive ] ||'
        " { echo the change was undone before it was confirmed >&2; exit 1; }",
        *_forget(name),
        # Else a reset in the next seconds would undo what is confirmed.
        f"sync -f {KEPT} {UNITS}",
        "systemctl daemon-reload",
    ]


def now(name: str) -> list[str]:
    """Lines that undo the change that waits, at once, or wait until its timer's undo has ended."""
    place, unit = directory(name), _unit(name)
    return [
        f"systemctl stop {unit}.timer || true",
        f"systemctl start {unit}.service || true",
        f"[ ! -d {place} ] || {{ echo {place}/undo.sh has failed >&2; exit 1; }}",
    ]


def _forget(name: str) -> list[str]:
    unit = _unit(name)
    return [
        f"systemctl -q disable {unit}.service 2> /dev/null || true",
        f"rm -f {UNITS}/{unit}.service {UNITS}/{unit}.timer",
        f"rm -rf {directory(name)}",
    ]


def _unit(name: str) -> str:
    return f"coop-undo-{name}"


def _written(path: str, *lines: str) -> list[str]:
    return [f"cat > {path} <<'END-OF-UNIT'", *lines, "END-OF-UNIT"]
