"""Templates: each role keeps its own beside its module."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(module: str, name: str, **values: Any) -> str:
    """The template `name` in the folder of the module whose __file__ is given.

    Raises jinja2.UndefinedError for a value that the template wants and did not get.
    """
    return _environment(Path(module).parent).get_template(name).render(**values)


@cache
def _environment(folder: Path) -> Environment:
    """One environment a folder, which keeps each template compiled for the next hosts."""
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
