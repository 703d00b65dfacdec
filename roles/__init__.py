"""The roles, a folder each: the @deploy functions of a role, with its templates beside them.

A role may offer `audit`: controller.audit.Offer.

The modules here are for several roles. `places` says where things are on a host, `pool` what hosts
with a ZFS pool have in common, `base` what every host gets, `mail` how programs send
mail. `templates` renders the templates.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def offers(name: str) -> list[Any]:
    """The attribute of this name of each role that has one, in the order of the roles' names."""
    roles = [import_module(f"{__name__}.{it.name}") for it in iter_modules(__path__) if it.ispkg]
    return [getattr(role, name) for role in roles if hasattr(role, name)]
