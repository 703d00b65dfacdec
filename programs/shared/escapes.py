"""Names as the kernel's tables have them: proc(5), and exports(5)."""

import os
import re


def unescaped(field: bytes) -> str:
    r"""The name in a field of a table: a space is \040, and a name may have any other bytes."""
    plain = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field)
    return os.fsdecode(plain)
