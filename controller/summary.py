"""The end of a run: a line a host, what a person should look at, what the exit status means."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
from pyinfra import state
from pyinfra.api.state import BaseStateCallback

from controller.command_line import Ended, runs_deploys
from engine import report

CHANGED, UNCHANGED, WOULD_CHANGE = "changed", "unchanged", "would change"
FAILED, WOULD_FAIL = "failed", "would fail"
CUT_OFF, UNREACHABLE = "cut off", "unreachable"
BAD = (FAILED, CUT_OFF, UNREACHABLE)


class _Watch(BaseStateCallback):  # type: ignore[misc]
    """What pyinfra keeps no record of: how long each host was at work, and where it failed."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed_at: dict[str, str] = {}
        self._since: dict[str, float] = {}

    def operation_host_start(self, state: Any, host: Any, op_hash: str) -> None:
        self._since[host.name] = time.monotonic()

    def operation_host_success(self, state: Any, host: Any, op_hash: str, *_: int) -> None:
        self._ended(host.name)

    def operation_host_error(self, state: Any, host: Any, op_hash: str, *_: int) -> None:
        self._ended(host.name)
        self.failed_at[host.name] = ", ".join(state.get_op_meta(op_hash).names)

    def _ended(self, name: str) -> None:
        self.seconds[name] += time.monotonic() - self._since[name]


_watch = _Watch()


@dataclass(frozen=True)
class Outcome:
    """How a host came out of the run; seconds: how long its operations took, None in a dry run."""

    kind: str
    more: str = ""
    seconds: float | None = None


def watch() -> None:
    """Note from now on how the operations of this run go; called as deploys are loaded."""
    if _watch not in state.callback_handlers:
        state.add_callback_handler(_watch)


def at_end() -> None:
    """Have the summary printed at the end of this run of pyinfra, if it is one of deploys."""
    context = click.get_current_context(silent=True)
    if context and runs_deploys() and not context.params.get("json_output"):
        context.with_resource(_summary())


@contextmanager
def _summary() -> Iterator[None]:
    start = time.monotonic()
    try:
        yield
    except Ended:
        # The audit has a report of its own.
        raise
    except BaseException as end:
        # Bad data, say: there are no hosts yet, and pyinfra tells the reason.
        if not getattr(state, "initialised", False):
            raise
        outcomes, status = _outcomes(), _status(end)
        # pyinfra ends with 0 if it was interrupted.
        shown = status or int(any(it.kind in BAD for it in outcomes.values()))
        text = _text(outcomes, report.warnings(), shown, time.monotonic() - start)
        click.echo(text, err=True)
        if shown != status:
            raise SystemExit(shown) from None
        raise


def _status(end: BaseException) -> int:
    if isinstance(end, SystemExit):
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return int(getattr(end, "exit_code", 1))


def _outcomes() -> dict[str, Outcome]:
    """By host, in the order of the inventory; those left out by --limit are not of this run."""
    look = _outcome if state.is_executing else _prospect
    return {each.name: look(each) for each in state.inventory if state.is_host_in_limit(each)}


def _outcome(host: Any) -> Outcome:
    if host not in state.activated_hosts:
        return Outcome(UNREACHABLE)
    done = [it.operation_meta for it in state.ops[host].values()]
    changed = sum(it.is_complete() and it.did_change() for it in done)
    seconds = _watch.seconds[host.name]
    if host in state.failed_hosts:
        before = f" (before: {_operations(changed)} changed something)" if changed else ""
        return Outcome(FAILED, _why(host.name, executing=True) + before, seconds)
    if left := sum(not it.is_complete() for it in done):
        return Outcome(CUT_OFF, f"{_operations(left)} left", seconds)
    return (
        Outcome(CHANGED, _operations(changed), seconds)
        if changed
        else Outcome(UNCHANGED, "", seconds)
    )


def _prospect(host: Any) -> Outcome:
    """Of a run that has changed nothing yet: what it would do."""
    if host not in state.activated_hosts:
        return Outcome(UNREACHABLE)
    if host in state.failed_hosts:
        return Outcome(FAILED, _why(host.name, executing=False))
    if reason := report.reasons().get((host.name, False)):
        return Outcome(WOULD_FAIL, reason)
    changes = state.get_meta_for_host(host).ops_change
    return Outcome(WOULD_CHANGE, _operations(changes)) if changes else Outcome(UNCHANGED)


def _why(name: str, executing: bool) -> str:
    where, reason = _watch.failed_at.get(name), report.reasons().get((name, executing))
    return ": ".join(it for it in (where or "could not be read", reason) if it)


def _operations(count: int) -> str:
    return f"{count} operation{'' if count == 1 else 's'}"


def _text(
    outcomes: Mapping[str, Outcome],
    warnings: Mapping[str, list[str]],
    status: int,
    seconds: float,
) -> str:
    """warnings: by text, the hosts that a person should look at for it."""
    width = max(map(len, outcomes), default=0)
    lines = ["", "--> Summary:"]
    for name, it in outcomes.items():
        took = f"  {it.seconds:.1f} s" if it.seconds is not None else ""
        more = f": {' '.join(it.more.split())}" if it.more else ""
        lines.append(f"    {name:{width}}  {it.kind}{more}{took}")
    if warnings:
        lines += ["", "    A person should look at:"]
        lines += [f"    {', '.join(names)}: {text}" for text, names in warnings.items()]
    counted = Counter(it.kind for it in outcomes.values())
    kinds = ", ".join(f"{count} {kind}" for kind, count in counted.items()) or "none was reached"
    lines += ["", f"    {len(outcomes)} hosts in {seconds:.0f} s: {kinds}."]
    return "\n".join([*lines, f"    Exit status {status}: {_meaning(counted, status)}."])


def _meaning(counted: Mapping[str, int], status: int) -> str:
    if any(counted.get(kind) for kind in BAD):
        return "not every host is as the data says; put that right and run again"
    if status:
        return "the run was ended; what it says above is why"
    if counted.get(WOULD_FAIL):
        return "nothing was changed, and a run would fail"
    if counted.get(WOULD_CHANGE):
        return "nothing was changed"
    return "every host is as the data says"
