"""The kinds of secrets in .env: which run needs one, which values are fit, how to make one.

A kind stands in the module of its subject, and KINDS has those of all modules.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from fleet.secret_kinds.kind import Kind


def _kinds() -> Iterator[Kind]:
    for it in iter_modules(__path__):
        named = vars(import_module(f"{__name__}.{it.name}")).values()
        yield from (value for value in named if isinstance(value, Kind))


KINDS = tuple(_kinds())


def kind_of(variable: str) -> Kind:
    """The kind of the variable. Raises KeyError if the variable is of no kind."""
    for kind in KINDS:
        if kind.has(variable):
            return kind
    raise KeyError(variable)
