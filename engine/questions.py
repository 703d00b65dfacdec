"""What a run asks a host, and when: all that it can in one remote command, and nothing too early.

Before a run executes, the first question of each operation is known. There are two kinds of them:

- Most questions. At the first that has no answer yet, the run asks all that are still to come.
- Questions that may have to wait for storage that is away: those of operations with a `_timeout`,
  which limits the command. At the first of these the run asks all of these that are still to come.
  By then all that stands above is done, and storage that is away has kept the run from none of it.

No answer is older than the last change. As soon as an operation changes the host, the run drops all
answers. At the next question it asks anew all of that kind that are still to come. But where one
operation after the other changes something, as in a first run, it asks each question alone: answers
for the rest would be dropped. So a run that has nothing to change asks a host twice. And a health
check, which stands last, sees the host as the run leaves it.

pyinfra has nothing like this: each fact is a command of its own, and no answer is kept.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from pyinfra import host, state

from engine.several import Question, several

PATIENCE = 20
"""Seconds after which a command begins no further question that may have to wait.

Each question may wait for engine.fact.STORAGE_SECONDS, and the command has little more time than
that. The run asks a question that was not begun when the question's own operation comes.
"""


@dataclass
class _Asked:
    """What this run knows of one host.

    ahead: the first questions of operations that are still to come, in their order; True has those
        that may have to wait for storage
    answers: those that no operation has taken yet, with their questions
    begun: how many operations have asked their first question since the last change
    is_busy: whether the operation that made the last change was the only one that had asked since
        the change before
    """

    ahead: dict[bool, list[Question]] = field(default_factory=lambda: {False: [], True: []})
    answers: list[tuple[Question, Any]] = field(default_factory=list)
    begun: int = 0
    is_busy: bool = False


_asked: dict[str, _Asked] = defaultdict(_Asked)
_changed: set[str] = set()


def note(question: Question, may_wait: bool) -> None:
    """Note the first question of an operation that is still to come on this host."""
    _asked[host.name].ahead[may_wait].append(question)


def answer(question: Question) -> Any:
    """The answer of this host to a question of the operation that runs on it now."""
    here, may_wait = _asked[host.name], _may_wait()
    if not state.is_executing:
        # pyinfra is preparing the run. Answers from now would be old when it executes the run.
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
    # There is no answer, because the host has failed.
    return question.kind.default()


def _may_wait() -> bool:
    """Whether the operation that runs on this host now was called with a _timeout."""
    return (host.current_op_global_arguments or {}).get("_timeout") is not None


def forget() -> None:
    """Drop all answers of this host, because an operation is about to change it."""
    if state.is_executing:
        _changed.add(host.name)
        here = _asked[host.name]
        here.answers.clear()
        # begun is 0 at a further command of the same operation, which is not another change.
        if here.begun:
            here.is_busy, here.begun = here.begun == 1, 0


def forget_what_others_changed() -> None:
    """Drop all answers of this host if the run has changed any host: they may be old."""
    if _changed:
        _asked[host.name].answers.clear()
