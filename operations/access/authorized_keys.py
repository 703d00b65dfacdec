"""What a line of authorized_keys says: sshd(8)."""

import re

# A quote may hold spaces, commas, and quotes with a backslash before them.
_QUOTE = r'"(?:\\"|[^"])*+"'
_OPTIONS = re.compile(rf'(?:\\"|{_QUOTE}|[^ \t"])++')
_OPTION = re.compile(rf'(?:\\"|{_QUOTE}|[^,"])++')
_KEY = re.compile(r"([^ \t\"=,]+)[ \t]+(AAAA[^ \t\r\n]*)")


def key_of_line(line: str) -> str:
    """The key in a line of authorized_keys, without options and comment; "" if there is none."""
    _, found = _parts(line)
    return f"{found[1]} {found[2]}" if found else ""


def expiry(line: str) -> str:
    """Until when a line of authorized_keys holds, as the line writes it; "" for ever."""
    for option in _OPTION.findall(_parts(line)[0]):
        if found := re.fullmatch(r'expiry-time="([^"]*)"', option, re.IGNORECASE):
            return found[1]
    return ""


def _parts(line: str) -> tuple[str, re.Match[str] | None]:
    """The options, and the key behind them: the key is first, or else stands behind one space."""
    line = line.lstrip(" \t")
    if line.startswith("#"):
        return "", None
    if found := _KEY.match(line):
        return "", found
    options = _OPTIONS.match(line)
    rest = line[options.end() :].lstrip(" \t") if options else ""
    return (options[0] if options else ""), _KEY.match(rest)
