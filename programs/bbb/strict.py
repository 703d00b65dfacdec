"""Reads JSON strictly: no key too many, none too few, each of its type."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from programs.bbb.failed import Failed

T = TypeVar("T")


class Part:
    """An object of the JSON, and its place for messages. Whoever reads it says `end` at last.

    at: such as "files[3]"
    """

    def __init__(self, value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise Failed(f"{at} is no object")
        self._left, self._at = dict(value), at

    def text(self, key: str, pattern: str = r"[^\0]+") -> str:
        """A text that matches the pattern as a whole. Raises Failed."""
        return text(self._take(key), pattern, self._place(key))

    def whole(self, key: str, least: int, most: int) -> int:
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Failed(f"{self._place(key)} is no number from {least} to {most}")
        return value

    def yes(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            raise Failed(f"{self._place(key)} is neither true nor false")
        return value

    def maybe(self, key: str, read: Callable[[str], T]) -> T | None:
        """None for null; otherwise what `read` makes of the key."""
        if key in self._left and self._left[key] is None:
            del self._left[key]
            return None
        return read(key)

    def texts(self, key: str, pattern: str) -> tuple[str, ...]:
        values = self._list(key)
        place = self._place(key)
        return tuple(text(it, pattern, f"{place}[{i}]") for i, it in enumerate(values))

    def parts(self, key: str) -> list["Part"]:
        place = self._place(key)
        return [Part(it, f"{place}[{i}]") for i, it in enumerate(self._list(key))]

    def part(self, key: str) -> "Part":
        return Part(self._take(key), self._place(key))

    def map(self, key: str) -> dict[str, str]:
        """An object of texts, with one at least."""
        value = self._take(key)
        if not isinstance(value, dict) or not value:
            raise Failed(f"{self._place(key)} is no object of texts")
        return {name: text(it, r"[^\0]*", self._place(key)) for name, it in value.items()}

    def any(self, key: str) -> Any:
        return self._take(key)

    def end(self) -> None:
        if self._left:
            raise Failed(f"{self._at} has keys that nobody knows: {', '.join(sorted(self._left))}")

    def wrong(self, why: str) -> Failed:
        return Failed(f"{self._at}: {why}")

    def _place(self, key: str) -> str:
        return f"{self._at}.{key}"

    def _take(self, key: str) -> Any:
        if key not in self._left:
            raise Failed(f"{self._place(key)} is missing")
        return self._left.pop(key)

    def _list(self, key: str) -> list[Any]:
        value = self._take(key)
        if not isinstance(value, list):
            raise Failed(f"{self._place(key)} is no list")
        return value


def text(value: Any, pattern: str, place: str) -> str:
    """The value, if it is a text that matches the pattern as a whole. Raises Failed."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.DOTALL):
        raise Failed(f"{place} is not what it should be: it has to match {pattern}")
    return value
