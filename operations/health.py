"""Whether a service works, as its own health check says."""

from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from engine.operation import Commands, ask, operation
from engine.report import tell
from facts.health import Health


@operation()
def healthy(command: str, seconds: int = 60) -> Commands:
    """The health check `command` (no arguments, exit 0 for well) succeeds within `seconds`.

    A check that has begun by then runs to its end, so the check needs a time limit of its own.

    A service that stays unwell fails the host with what the check printed. Changes nothing.

    Example::

        health.healthy(name="Health", command="/usr/local/sbin/board-health")
    """
    complaint = yield from ask(Health, check=command)
    if complaint is None:
        host.noop("the service is well")
        return
    tell(f"{command}: {complaint}")
    # Seconds since the boot, because somebody may set the clock meanwhile.
    now = "$(cut -d . -f 1 /proc/uptime)"
    yield StringCommand(
        f"end=$(({now} + {seconds})); until why=$({quote(command)}); do "
        f'[ "{now}" -lt "$end" ] || {{ echo "$why" >&2; exit 1; }}; sleep 2; done'
    )
