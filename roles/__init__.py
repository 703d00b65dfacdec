"""One folder a role: its @deploy functions, with its templates beside them.

A role may offer `audit`: controller.audit.Offer.

What several roles share lies here: `places` says where things are on a host, `pool` what hosts with
a ZFS pool have in common, `base` what every host gets.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def offers(name: str) -> list[Any]:
    """What the roles that have something of this name have there, in the order of their names."""
    roles = [import_module(f"{__name__}.{it.name}") for it in iter_modules(__path__) if it.ispkg]
    return [getattr(role, name) for role in roles if hasattr(role, name)]
