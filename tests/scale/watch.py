"""Notes what operations change and what facts ask. Import it before any operation or fact."""

import re
from collections.abc import Callable, Iterator
from functools import wraps
from importlib import import_module
from inspect import signature
from pkgutil import iter_modules
from typing import Any

from pyinfra import host, state
from pyinfra.api import FunctionCommand, StringCommand

import engine.operation
import facts
from engine.fact import END, Fact

Asked = tuple[type[Fact[Any]], dict[str, Any]]
Change = Callable[[str, str, dict[str, Any]], None]

change: list[Change] = []
"""What is called with host, operation and arguments when one sends its first command there."""

_asked: dict[str, Asked] = {}
# The form that engine.fact.whole gives a question.
_QUESTION = re.compile(rf"^\(\n.*?\n\)\necho {END}$", re.DOTALL | re.MULTILINE)
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
            is_command = isinstance(step, StringCommand | FunctionCommand)
            if is_command and state.is_executing and not is_changed:
                is_changed = True
                own = signature(code).bind(*arguments, **options).arguments
                for call in change:
                    call(host.name, name, own)
            answer = yield step

    return watched


def questions() -> None:
    """From now on `asked` knows each fact by the text of its command."""
    for module in iter_modules(facts.__path__, "facts."):
        import_module(module.name)
    for kind in Fact.__subclasses__():
        kind.command = _noted(kind, kind.command)


def asked(text: str) -> list[Asked]:
    """The facts that the text for a shell asks, in their order; an empty list if it asks none.

    Raises LookupError for a question that no fact asks.
    """
    return [_asked[question] for question in _QUESTION.findall(text)]


def _noted(kind: type[Any], make: Callable[..., str]) -> Callable[..., str]:
    def command(self: Any, *arguments: Any, **options: Any) -> str:
        text = make(self, *arguments, **options)
        own = signature(make).bind(self, *arguments, **options).arguments
        own.pop("self")
        _asked[text] = (kind, own)
        return text

    # pyinfra takes the arguments of a question apart by this signature.
    command.__signature__ = signature(make)  # type: ignore[attr-defined]
    return command
