"""Notes what operations make of hosts, and what facts ask; to be imported before any of them."""

from collections.abc import Callable, Iterator
from functools import wraps
from importlib import import_module
from inspect import signature
from pkgutil import iter_modules
from typing import Any

from pyinfra import host, state
from pyinfra.api import FactBase

import engine.operation
import engine.several
import facts
from engine.fact import Fact
from engine.operation import Question

Asked = tuple[type[Fact[Any]], dict[str, Any]]
Change = Callable[[str, str, dict[str, Any]], None]

asked: dict[str, list[Asked]] = {}
"""By the text of a command that facts have made, what is asked by it."""

change: list[Change] = []
"""What is called with host, operation and arguments when one sends the first command there."""

_asking: list[list[Asked]] = []
_make = engine.operation.operation


def _operation() -> Callable[[Callable[..., Any]], Any]:
    return lambda code: _make()(_watched(code))


engine.operation.operation = _operation


def _watched(code: Callable[..., Any]) -> Callable[..., Any]:
    name = f"{code.__module__.rpartition('.')[2]}.{code.__name__}"

    @wraps(code)
    def watched(*arguments: Any, **options: Any) -> Iterator[Any]:
        steps, answer, is_changed = code(*arguments, **options), None, False
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            if not isinstance(step, Question) and state.is_executing and not is_changed:
                is_changed = True
                own = signature(code).bind(*arguments, **options).arguments
                for call in change:
                    call(host.name, name, own)
            answer = yield step

    return watched


def questions() -> None:
    """Fills `asked`, by each fact and by what asks several."""
    for module in iter_modules(facts.__path__, "facts."):
        import_module(module.name)
    waiting = list(FactBase.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith(("facts.", "engine.")) and "command" in vars(kind):
            kind.command = _noted(kind, kind.command)


def _noted(kind: type[Any], make: Callable[..., str]) -> Callable[..., str]:
    def command(self: Any, *arguments: Any, **options: Any) -> str:
        _asking.append([])
        text = make(self, *arguments, **options)
        own = signature(make).bind(self, *arguments, **options).arguments
        own.pop("self")
        # What asks several has made the command of each of them meanwhile.
        found = _asking.pop() or [(kind, own)]
        asked[text] = found
        if _asking:
            _asking[-1] += found
        return text

    # By which pyinfra takes the arguments of a question apart.
    command.__signature__ = signature(make)  # type: ignore[attr-defined]
    return command
