"""What hosts say reaches the operator's terminal and reports as text, and as nothing else.

A terminal obeys some characters: it moves the cursor, writes over lines, turns text around, or puts
a command on the clipboard: ECMA-48, and OSC 52 in xterm's ctlseqs. On a host each user may choose
names, keys and lines of a log.
"""

import logging
import re
from typing import Any

import click
from pyinfra import logger
from pyinfra.api import output

# Bold, a colour of the text, and the end of both: what pyinfra and this project write themselves.
_STYLE = re.compile("(\x1b\\[(?:0|1|3[0-7])m)")


def printable(text: str, keep: str = "\t") -> str:
    r"""The text with an escape, such as \x1b, for each character that is not printable.

    That is whatever Unicode calls a control, a format (which turns the direction of text), a
    surrogate (a byte that was not UTF-8) or a separator other than the space: str.isprintable.

    keep: characters that stay
    """
    if text.isprintable():
        return text
    return "".join(it if it.isprintable() or it in keep else _escaped(it) for it in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def lines(text: str) -> str:
    """`printable`, but lines stay lines, and styles stay styles: for a whole output."""
    parts = _STYLE.split(text)
    return "".join(it if _STYLE.fullmatch(it) else printable(it, "\t\n") for it in parts)


class _Guard(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = lines(record.getMessage()), ()
        return True


_GUARD = _Guard()


def guard() -> None:
    """From now on pyinfra's own output, also what commands print on hosts, passes by `lines`."""
    logger.addFilter(_GUARD)
    output.set_echo(_echo)


def _echo(message: Any = None, **options: Any) -> None:
    click.echo(lines(message) if isinstance(message, str) else message, **options)
