"""Templates: each role keeps its own beside its module."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(module: str, name: str, **values: Any) -> str:
    """The template `name` in the folder of the module whose __file__ is given.

    Raises jinja2.UndefinedError for a value that the template wants and did not get.
    """
    loader = FileSystemLoader(Path(module).parent)
    environment = Environment(
        loader=loader, undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    return environment.get_template(name).render(**values)
