"""What a host is asked, and when: as much as can be in one remote command, and nothing too early.

What each operation asks first is known before the run begins. There are two kinds of questions:

- Most of them. The first that has no answer yet asks for all that are still to come.
- Those that may have to wait for storage that is away: of operations that have a `_timeout`, which
  is the limit of the command. The first of them asks for all of these that are still to come, when
  whatever stands above it is done. So storage that is away keeps nothing else from being put right.

No answer is older than the last change. As soon as anything is changed on the host all answers are
thrown away, and the next question asks anew for all of its kind that are still to come. Only where
one operation after the other changes something, as in a first run, each asks alone: what it asked
for the rest would be thrown away. So a run that has nothing to change asks a host twice; and a
health check, which stands last, is about the host as the run leaves it.

pyinfra has no such thing: each fact is a command of its own, and no answer is kept.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from pyinfra import host, state

from engine.several import Question, several

PATIENCE = 20
"""Seconds after which a command begins no further question that may have to wait.

Each may wait for engine.fact.STORAGE_SECONDS, which is about all that the command may take. What
was not begun is asked when its own operation comes.
"""


@dataclass
class _Asked:
    """One host in this run.

    ahead: what its operations will ask first, in their order; those that may have to wait are True
    answers: that no operation has taken yet
    begun: how many operations have asked since the last change
    is_busy: the one that made it was the first of those
    """

    ahead: dict[bool, list[Question]] = field(default_factory=lambda: {False: [], True: []})
    answers: list[tuple[Question, Any]] = field(default_factory=list)
    begun: int = 0
    is_busy: bool = False


_asked: dict[str, _Asked] = defaultdict(_Asked)
_changed: set[str] = set()


def note(question: Question, may_wait: bool) -> None:
    """An operation that is to come on this host asks this first."""
    _asked[host.name].ahead[may_wait].append(question)


def answer(question: Question) -> Any:
    """The answer of this host to a question of the operation that it has come to."""
    here, may_wait = _asked[host.name], _may_wait()
    if not state.is_executing:
        # Each operation runs once before any host is changed. All answers would be old by then.
        return next(iter(several([question])), question.kind.default())
    ahead = here.ahead[may_wait]
    if question in ahead:
        ahead.remove(question)
        here.begun += 1
    known = [asked for asked, _ in here.answers]
    if question not in known:
        is_alone = here.is_busy and here.begun < 2
        together = [question, *(it for it in ahead if it not in known and not is_alone)]
        found = several(together, PATIENCE if may_wait else None)
        here.answers += zip(together, found, strict=False)
    for position, (asked, found) in enumerate(here.answers):
        if asked == question:
            del here.answers[position]
            return found
    # The host has failed.
    return question.kind.default()


def _may_wait() -> bool:
    """Whether the operation that this host has come to has a _timeout, which is pyinfra's."""
    return (host.current_op_global_arguments or {}).get("_timeout") is not None


def forget() -> None:
    """Of a host that is being changed nothing is known any more."""
    if state.is_executing:
        _changed.add(host.name)
        here = _asked[host.name]
        here.answers.clear()
        # Not again at the second command of the same operation.
        if here.begun:
            here.is_busy, here.begun = here.begun == 1, 0


def forget_what_others_changed() -> None:
    """What is known of this host may be old, if anything was changed on another one."""
    if _changed:
        _asked[host.name].answers.clear()
