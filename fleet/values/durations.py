"""Durations as people write them: 30s, 20m, 4h."""

import re
from typing import Annotated

from pydantic import BeforeValidator

from fleet.reading.problems import Invalid, shown

UNITS = {"s": 1, "m": 60, "h": 3600}
LONGEST = 7 * 24 * 3600


def parse_duration(value: object) -> int:
    """The seconds that value ("90s", "20m", "4h") stands for; at most a week.

    Raises Invalid if value is no duration, also if it has no unit.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smh])", value) if isinstance(value, str) else None
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not 0 < seconds <= LONGEST:
        remedy = "write a whole number with its unit, such as 30s, 20m or 4h, up to a week"
        raise Invalid(f"{shown(value)} is not a duration", remedy)
    return seconds


Duration = Annotated[int, BeforeValidator(parse_duration)]
"""In seconds once read."""
