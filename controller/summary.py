"""The end of a run: a line for each host, what a person should look at, and the exit status."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
from pyinfra import logger, state
from pyinfra.api.state import BaseStateCallback

from controller.command_line import Ended, runs_deploys
from engine import report
from engine.connection import LOST, is_lost

CHANGED, UNCHANGED = "changed", "unchanged"
WOULD_CHANGE, WOULD_FAIL, UNKNOWN = "would change", "would fail", "not looked at"
UNTOUCHED = "untouched"
FAILED, CUT_OFF, UNREACHABLE = "failed", "cut off", "unreachable"
UNREADABLE = f"{FAILED}: how it is could not be read"
BAD = (FAILED, CUT_OFF, UNREACHABLE)

# How many hosts a warning names, if it is the same for several hosts.
MOST_NAMES = 4


class _Watch(BaseStateCallback):  # type: ignore[misc]
    """What pyinfra keeps no record of: how long each host was at work, in seconds, and was lost."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._since: dict[str, float] = {}

    def operation_host_start(self, state: Any, host: Any, op_hash: str) -> None:
        self._since[host.name] = time.monotonic()

    def operation_host_success(self, state: Any, host: Any, op_hash: str, *_: int) -> None:
        self._ended(host.name)

    def operation_host_error(self, state: Any, host: Any, op_hash: str, *_: int) -> None:
        self._ended(host.name)
        if is_lost(host):
            report.give_reason(host.name, LOST)

    def _ended(self, name: str) -> None:
        self.seconds[name] += time.monotonic() - self._since[name]


_watch = _Watch()


@dataclass(frozen=True)
class Outcome:
    """How a host came out of the run.

    kind: such as CHANGED; text: for a person, with more than the kind
    seconds: how long the host's own operations took; None if the run did not execute on the host
    """

    kind: str
    text: str
    seconds: float | None = None


def watch() -> None:
    """Measure from now on how long operations take. Call this once the run's hosts are known."""
    if _watch not in state.callback_handlers:
        state.add_callback_handler(_watch)


def at_end() -> None:
    """Print the summary at the end of this run of pyinfra, if it runs files such as deploy.py."""
    context = click.get_current_context(silent=True)
    if context and runs_deploys():
        context.with_resource(_summary(dry=bool(context.params.get("dry"))))


@contextmanager
def _summary(dry: bool) -> Iterator[None]:
    start = time.monotonic()
    try:
        yield
    except Ended:
        raise
    except BaseException as end:
        # There are no hosts yet, for example after bad data. pyinfra tells the reason.
        if not state.initialised:
            raise
        refused = not state.is_executing and not isinstance(end, SystemExit)
        status, outcomes = _status(end), _outcomes(refused)
        # pyinfra exits 0 too if it had no host, was interrupted, or did not wait (--no-wait).
        is_done = outcomes and not any(it.kind in BAD for it in outcomes.values())
        now = status if is_done else status or 1
        _print({name: it for name, it in outcomes.items() if it.kind != UNTOUCHED})
        took = time.monotonic() - start
        logger.info(f"--> {_conclusion(outcomes, now, dry)}. Took {took:.1f} s")
        if now != status:
            raise SystemExit(now) from None
        raise


def _status(end: BaseException) -> int:
    if isinstance(end, SystemExit):
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return end.exit_code if isinstance(end, click.ClickException) else 1


def _outcomes(refused: bool) -> dict[str, Outcome]:
    """By host, in the order of the inventory, without the hosts that --limit leaves out."""
    look = _outcome if state.is_executing else _refused if refused else _prospect
    return {
        each.name: _not_begun(each) or look(each)
        for each in state.inventory
        if state.is_host_in_limit(each)
    }


def _not_begun(host: Any) -> Outcome | None:
    if host not in state.activated_hosts:
        return Outcome(UNREACHABLE, UNREACHABLE)
    if not state.is_executing and host in state.failed_hosts:
        reason = report.reasons.get((host.name, False))
        return Outcome(FAILED, f"{FAILED}: {reason}" if reason else UNREADABLE)
    return None


def _refused(host: Any) -> Outcome:
    return Outcome(UNTOUCHED, UNTOUCHED)


def _prospect(host: Any) -> Outcome:
    """What the run would do to the host. So far it has changed nothing."""
    if not state.check_for_changes:
        return Outcome(UNKNOWN, f"{UNKNOWN}, with -y")
    if reason := report.reasons.get((host.name, False)):
        return Outcome(WOULD_FAIL, f"{WOULD_FAIL}: {reason}")
    if changes := state.get_meta_for_host(host).ops_change:
        return Outcome(WOULD_CHANGE, f"{WOULD_CHANGE} ({_operations(changes)})")
    return Outcome(UNCHANGED, UNCHANGED)


def _outcome(host: Any) -> Outcome:
    done = {name: it.operation_meta for name, it in state.ops[host].items()}
    changed = sum(it.is_complete() and it.did_change() for it in done.values())
    left = sum(not it.is_complete() for it in done.values())
    failed = next((name for name, it in done.items() if it.is_complete() and it.did_error()), None)
    before = f" ({_operations(changed)} changed before)" if changed else ""
    seconds = _watch.seconds[host.name]
    if failed:
        text = f'{FAILED} in "{", ".join(state.get_op_meta(failed).names)}"'
        return Outcome(FAILED, f"{text}{_reason(host.name, done[failed])}{before}", seconds)
    if host in state.failed_hosts:
        return Outcome(FAILED, f"{UNREADABLE}{before}", seconds)
    if left:
        return Outcome(CUT_OFF, f"{CUT_OFF}: {_operations(left)} left to do{before}", seconds)
    if changed:
        return Outcome(CHANGED, f"{CHANGED} ({_operations(changed)})", seconds)
    return Outcome(UNCHANGED, UNCHANGED, seconds)


def _reason(name: str, failed: Any) -> str:
    """The reason given for the failure, or else the last line that the host wrote to stderr."""
    reason = report.reasons.get((name, True)) or "".join(failed.stderr_lines[-1:])
    return f": {reason}" if reason else ""


def _operations(count: int) -> str:
    return f"{count} operation{'' if count == 1 else 's'}"


def _print(outcomes: Mapping[str, Outcome]) -> None:
    if outcomes:
        logger.info("--> Summary:")
    width = max(map(len, outcomes), default=0)
    for name, it in outcomes.items():
        took = "" if it.seconds is None else f"{it.seconds:6.1f} s"
        text = click.style(it.text, "red" if it.kind in BAD else None)
        logger.info(f"{name:{width}}  {f'{took:8}  ' if state.is_executing else ''}{text}")
    hosts: dict[str, list[str]] = defaultdict(list)
    for name, text in report.warnings:
        hosts[text].append(name)
    if hosts:
        logger.info("--> Look at this:")
    for text, names in hosts.items():
        logger.warning(f"{_named(names)}{text}")


def _named(hosts: Sequence[str]) -> str:
    """The names of the hosts before a warning; "" if the warning is about the run itself."""
    names = [name for name in hosts if name]
    more = [f"{len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return f"[{', '.join([*names[:MOST_NAMES], *more])}] " if names else ""


def _conclusion(outcomes: Mapping[str, Outcome], status: int, dry: bool) -> str:
    if not outcomes:
        return f"Exit status {status}: no host is in this run"
    kinds = Counter(it.kind for it in outcomes.values())
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    if state.is_executing:
        meaning = "put that right and run again: what is done stays" if status else "all is done"
    else:
        meaning = "nothing was changed"
        if dry and not status:
            meaning += " (a dry run exits 0 whatever it shows)"
    return f"Exit status {status}: {counted}; {meaning}"
