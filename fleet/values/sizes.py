"""Sizes as people write them, in binary units: 500M, 2G, 1.5T, or plain bytes.

K is 1024 bytes, as everywhere in ZFS. "2GB" is refused: some people mean 10**9 bytes by GB.
"""

import re
from fractions import Fraction

from fleet.reading.problems import Invalid, shown

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
LARGEST = 2**63 - 1
REMEDY = "write a number with a binary unit such as 500M, 20G or 1.5T, or plain bytes"

# The number of digits is limited because Python refuses to convert very long numbers.
_SIZE = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)([KMGTP])|([0-9]{1,20})")


def parse_size(value: object) -> int:
    """The bytes that value ("1.5T", "4096", 4096) stands for; a fraction of a byte is cut off.

    Raises Invalid if value is not a size, is not above zero, or does not fit ZFS's 63 bits.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        number, unit, plain = match.groups()
        size = int(plain) if plain else int(Fraction(number) * UNITS[unit])
    else:
        raise Invalid(f"{shown(value)} is not a size", REMEDY)
    if not 0 < size <= LARGEST:
        raise Invalid(f"{shown(value)} is out of range for a size", REMEDY)
    return size


def format_size(size: int) -> str:
    """Size bytes in the largest unit that divides them: 2**30 → "1G", 1536 → "1536".

    `parse_size` gives the same number back. Raises ValueError if size is not above zero.
    """
    if size <= 0:
        raise ValueError(f"a size is above zero, not {size}")
    unit = max((unit for unit in UNITS if size % UNITS[unit] == 0), key=UNITS.__getitem__)
    return f"{size // UNITS[unit]}{unit}"
