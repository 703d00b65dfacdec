"""What a line of authorized_keys says: sshd(8)."""

import re


def key_of_line(line: str) -> str:
    """The key in a line of authorized_keys, without options and comment; "" if there is none."""
    words = "" if line.lstrip().startswith("#") else line
    pairs = zip(words.split(), words.split()[1:], strict=False)
    return next((f"{kind} {blob}" for kind, blob in pairs if blob.startswith("AAAA")), "")


def expiry(line: str) -> str:
    """Until when a line of authorized_keys holds, as the line writes it; "" for ever."""
    found = re.search(r'expiry-time="([^"]*)"', line)
    return found[1] if found else ""
