"""Turns a generator into an operation of pyinfra: questions first, then commands.

An operation yields its questions (`ask`), and the commands that change the host. By the time an
operation asks, the host may have answered already: engine/questions.py.
"""

from collections.abc import Callable, Generator, Mapping
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from pyinfra import api, host
from pyinfra.api import FunctionCommand, StringCommand

from engine import questions
from engine.connection import LOST, is_lost
from engine.fact import Fact
from engine.report import fail, is_unreadable
from engine.several import Question

P = ParamSpec("P")
T = TypeVar("T")

Answered = Generator[StringCommand | FunctionCommand | Question, Any, T]
Commands = Answered[None]


class Operation(Protocol[P]):
    """How an operation is called: with a name, its own arguments P, and some of pyinfra's.

    name: what a run shows. The name is the same on all hosts, because pyinfra tells operations
        apart by it. For an operation without a name pyinfra would show all arguments, secrets too
    _timeout: how long each remote command may take, in seconds

    pyinfra has more arguments of this kind, which its documentation calls global. If you need
    another, add it here. A ParamSpec takes no keywords beside its own. So pyinfra's arguments stand
    before *args, as in pyinfra.api.arguments_typed. For this reason mypy says that "_timeout" is
    missing when one of the operation's own arguments is missing.
    """

    _inner: Callable[P, Any]

    def __call__(
        self,
        name: str,
        _timeout: int | None = None,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Any: ...


def ask(kind: type[Fact[T]], **arguments: Any) -> Generator[Question, T, T]:
    """`now = yield from ask(Kind, ...)`: the fact, as the host is at that moment."""
    return (yield Question(kind, arguments))


def operation() -> Callable[[Callable[P, Commands]], Operation[P]]:
    """pyinfra's @operation, for code that asks. Changes no host whose state could not be read.

    pyinfra itself goes on with an operation when a fact fails. It gives the operation the fact's
    default, which stands for a host without anything.

    A _timeout in a call says that the operation may have to wait for storage that is away.
    """

    def decorator(code: Callable[P, Commands]) -> Operation[P]:
        @wraps(code)
        def driven(*arguments: P.args, **options: P.kwargs) -> Any:
            steps, answer = code(*arguments, **options), None
            try:
                while not is_unreadable():
                    step = steps.send(answer)
                    if isinstance(step, Question):
                        answer = questions.answer(step)
                        continue
                    answer = None
                    if not is_unreadable():
                        questions.forget()
                        yield step
            except StopIteration:
                pass
            except Exception:
                # After a fact that failed the code may stumble over the default. Any other error
                # is a mistake in the code.
                if not is_unreadable():
                    raise
            if is_unreadable():
                yield fail(_unread())

        made = api.operation()(driven)

        @wraps(made)
        def called(name: str, **options: Any) -> Any:
            meta = made(name=name, **options)
            _note_first(code, options)
            return meta

        return cast(Operation[P], called)

    return decorator


def _unread() -> str:
    if is_lost(host):
        return f"{LOST} as it was asked how it is, so nothing was changed"
    return "how this host is could not be read, so nothing was changed"


def _note_first(code: Callable[..., Commands], options: Mapping[str, Any]) -> None:
    own = signature(code).parameters.keys() & options.keys()
    steps = code(**{name: options[name] for name in own})
    first = next(steps, None)
    steps.close()
    if isinstance(first, Question):
        questions.note(first, may_wait="_timeout" in options)
