"""YAML without its surprises: no duplicate keys, no aliases, no key that is silently a number.

Of two equal keys PyYAML takes the last and says nothing: a host that is there twice would lose its
first record. And PyYAML reads the key `on` as a boolean.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from fleet.reading.leaks import leaks_in_text
from fleet.reading.problems import Problem, shown


class _Loader(yaml.SafeLoader):
    """Collects problems in `found` as (line, message, remedy), and reads on after each."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.found: list[tuple[int, str, str]] = []

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="an alias is not allowed here", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Text that looks like a date or a number, and is none, stays text: its field refuses."""
        try:
            return super().construct_object(node, deep=deep)
        except ValueError:
            return str(node.value)

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise yaml.MarkedYAMLError(problem="not a mapping", problem_mark=node.start_mark)
        mapping: dict[Any, Any] = {}
        for key, value in node.value:
            name = self._key(key)
            if name in mapping:
                self._find(key, f"{shown(name)} is there twice", "keep one of the two")
            mapping[name] = self.construct_object(value, deep=True)
        return mapping

    def _key(self, key: yaml.Node) -> str:
        if not isinstance(key, yaml.ScalarNode):
            self._find(key, "a key is not text", "write a single word before the colon")
            return ""
        if key.tag != "tag:yaml.org,2002:str":
            self._find(key, f"YAML does not read {shown(key.value)} as text", "put it in quotes")
        return str(key.value)

    def _find(self, node: yaml.Node, message: str, remedy: str) -> None:
        self.found.append((node.start_mark.line + 1, message, remedy))


def read_yaml(path: Path, file: str) -> tuple[Any, list[Problem]]:
    """The content of the YAML file at path, and what is wrong with its form.

    file: its name in problems. The content is None if the file could not be read at all.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Loader(text)
        content = loader.get_single_data()
    except Exception as error:
        return None, [*leaks_in_text(text, file), _unreadable(error, file)]
    return content, [Problem(file, f"line {line}", "", *rest) for line, *rest in loader.found]


def _unreadable(error: Exception, file: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        line = f"line {error.problem_mark.line + 1}"
        message = error.problem or error.context or "this is not YAML"
        # PyYAML quotes what it found, which may be a secret; <scalar> is a word of PyYAML's.
        message = re.sub(r"'[^'<]{3,}'", "(not shown)", message)
        return Problem(file, line, "", message, "correct the YAML there or just above")
    if isinstance(error, OSError):
        message = error.strerror or "unknown error"
        return Problem(file, "", "", f"cannot be read: {message}", "name an existing file")
    if isinstance(error, RecursionError):
        return Problem(file, "", "", "is nested too deeply", "see the other files for the shape")
    return Problem(file, "", "", f"is not YAML: {error}", "correct the file")
