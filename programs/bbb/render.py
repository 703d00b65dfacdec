"""Puts the secrets of the node into texts that have marks in their places."""

import re
from collections.abc import Mapping

from programs.bbb.failed import Failed
from programs.bbb.wanted import MARK

# What needs no quotes in any file, and is no mark itself.
PLAIN = r"[A-Za-z0-9]+"


def render(text: str, values: Mapping[str, str]) -> str:
    """The text with a value for each mark. Raises Failed: a value is missing, or would need quotes.

    values: by mark, such as SECRET
    """

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1])
        if found is None:
            raise Failed(f"the node has no value for the mark {match[1]}")
        if not re.fullmatch(PLAIN, found):
            raise Failed(f"the value for {match[1]} has other characters than letters and digits")
        return found

    return MARK.sub(value, text)
