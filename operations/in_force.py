"""Notes on a host, of which facts.systemd.CHANGES has the words: what runs have put in force."""

from collections.abc import Iterable
from shlex import quote

from facts import systemd


def note(*lines: str) -> str:
    """POSIX sh that adds these lines to the host's notes."""
    return f"printf '%s\\n' {' '.join(map(quote, lines))} >> {quote(systemd.CHANGES)}"


def written(paths: Iterable[str]) -> str:
    """POSIX sh that notes these files as written. It comes before the files take their places.

    If a run is cut off then, the next run puts the files in force.
    """
    return note(*(f"written {path}" for path in paths))
