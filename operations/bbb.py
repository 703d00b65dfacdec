"""A node of BigBlueButton, as far as a run may change it: one on which no meeting can be."""

import json
from collections.abc import Callable, Mapping
from shlex import quote
from typing import Any
from urllib.parse import urlsplit

from pyinfra import host, logger
from pyinfra.api import FunctionCommand, StringCommand

from engine.operation import Commands, ask, operation
from engine.report import fail, give_reason, tell, warn
from engine.terminal import printable
from facts.bbb import Bbb, BbbState

WAIT = 300
"""Seconds until a run asks anew how far a first install is."""


@operation()
def not_renamed(program: str, first: str, hostname: str) -> Commands:
    """Fails the host if people reach its BigBlueButton by another name. Changes nothing.

    program, first: as for `node`
    hostname: the name that the data has

    The name is in what people have open, in links to recordings, in the certificate and at the
    balancer. A run would change the last two at once, and cut off who is there.
    """
    now = yield from ask(Bbb, program=program, first=first)
    there = urlsplit(now.url).hostname
    if there is None or there == hostname.lower():
        host.noop(f"{hostname} is no new name of another node")
        return
    yield fail(
        f"people reach this node as {there}, and its record says bbb.hostname: {hostname}. Put "
        "the name back. For another name, add a new node and retire this one "
        "(docs/bbb-retire-a-node.md)"
    )


@operation()
def behind_haproxy(program: str, first: str) -> Commands:
    """Fails the host if BigBlueButton is there, and nginx itself has port 443. Changes nothing.

    program, first: as for `node`

    bbb-install.sh leaves it so if it is told of a TURN server elsewhere (-c). A run would take the
    port from nginx at once, whoever meets.
    """
    now = yield from ask(Bbb, program=program, first=first)
    if now.is_bare or now.begun or now.has_haproxy:
        host.noop("haproxy has port 443, or nobody meets here")
        return
    yield fail(
        "BigBlueButton is here, and haproxy is not enabled: nginx has port 443, as with a TURN "
        "server elsewhere (bbb-install.sh -c). A run would take the port away from who meets now. "
        "Add a new node, and retire this one (docs/bbb-add-a-node.md)"
    )


@operation()
def node(
    program: str, first: str, release: str, seconds: int, waits: Callable[[Mapping[str, Any]], str]
) -> Commands:
    """The node runs BigBlueButton. A bare one gets this release now; on any other nothing changes.

    program: the command line of coop-bbb, which makes all changes
    first: a file that is there from the beginning of a first install until `coop-bbb verify` has
        seen the node whole, and removes the file
    seconds: how long a first install may take
    waits: what to say of what the node tells, "" for nothing. Raises ValueError for an answer that
        cannot be read

    A first install that was cut off goes on, unless somebody meets there already. Warns of what
    waits for a window. Never stops, starts or ends anything on a node that is in use.
    """
    now = yield from ask(Bbb, program=program, first=first)
    if now.is_bare or _goes_on(now):
        was = "absent" if now.is_bare else "half installed"
        tell(f"BigBlueButton: {was} -> {release}")
        yield FunctionCommand(_install, (program, first, seconds), {})
        return
    if now.look is None:
        yield fail(f"{program} does not tell what this node is: {now.why}")
        return
    try:
        text = waits(now.look)
    except ValueError as error:
        yield fail(f"what {program} tells cannot be read: {error}")
        return
    if text:
        warn(text)
    host.noop("what waits for a window waits")


def _goes_on(now: BbbState) -> bool:
    """Whether a first install was cut off, and surely nobody meets on the node."""
    if not now.begun:
        return False
    meetings = (now.look or {}).get("meetings", {})
    return meetings.get("answer") != "known" or not meetings.get("meetings")


def _install(state: Any, host: Any, program: str, first: str, seconds: int) -> bool:
    name = quote(first)
    if not _runs(host, f"mkdir -p {quote(first.rpartition('/')[0])} && : > {name} && sync {name}"):
        return False
    change = _changed(host, program, seconds)
    if change is None:
        return False
    if change.get("state") != "done":
        for line in change.get("log", []):
            host.log(printable(str(line)), log_func=logger.error)
        give_reason(host.name, f"the first install is {change.get('state')}: {change.get('step')}")
        return False
    found = _asked(host, f"{program} verify")
    if found is None:
        return False
    if faults := found.get("faults", ["no faults were told"]):
        give_reason(host.name, f"installed, and not whole: {'; '.join(map(str, faults))}")
        return False
    # A first install closes it, so that nobody meets on a node before it was seen whole.
    return _asked(host, f"{program} gate open") is not None


def _changed(host: Any, program: str, seconds: int) -> Mapping[str, Any] | None:
    """How the change has ended, or how far it is after these seconds; None if nothing tells."""
    for _ in range(0, seconds, WAIT):
        change = _asked(host, f"{program} change --wait {WAIT}")
        if change is None or change.get("state") != "running":
            break
        host.log(printable(f"first install: {change.get('step')}"))
    return change


def _runs(host: Any, command: str) -> bool:
    ok, _ = host.run_shell_command(StringCommand(command), _sudo=True)
    return bool(ok)


def _asked(host: Any, command: str) -> Mapping[str, Any] | None:
    """What the program answers; None, with a reason for the summary, if it had a problem."""
    ok, output = host.run_shell_command(StringCommand(command), _sudo=True)
    try:
        told = dict(json.loads("".join(output.stdout_lines)))
    except (TypeError, ValueError):
        give_reason(host.name, f"{command}: no answer that can be read")
        return None
    if not ok or "problem" in told:
        give_reason(host.name, str(told.get("problem", f"{command} failed")))
        return None
    return told
