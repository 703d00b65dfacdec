"""Texts of files: templates, which each role keeps beside its module, and YAML."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from engine.terminal import printable


def render(module: str, name: str, **values: Any) -> str:
    """The template `name` in the folder of the module whose __file__ is given.

    In a report, *.md.j2, values are printable and have one line: a host has chosen some of them.

    Raises jinja2.UndefinedError for a value that the template wants and did not get.
    """
    environment = _environment(Path(module).parent, name.endswith(".md.j2"))
    return environment.get_template(name).render(**values)


def as_yaml(content: object) -> str:
    """The text of a file of YAML that a run writes as a whole."""
    head = "# Written as a whole by pyinfra: an edit here is lost.\n"
    return head + str(yaml.safe_dump(content, sort_keys=False, width=1000))


@cache
def _environment(folder: Path, is_report: bool) -> Environment:
    """One environment a folder, which keeps each template compiled for the next hosts."""
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        finalize=_in_a_report if is_report else None,
    )


def _in_a_report(value: Any) -> Any:
    return printable(value, "") if isinstance(value, str) else value
