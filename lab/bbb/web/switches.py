"""Faults that a test switches on: a file each, in the state directory of the stand-ins.

    slow          each answer of the API waits so many seconds
    down          nobody listens at the API's port; media goes on
    wrong-secret  each checksum is wrong
    proxy         a proxy's page of HTML instead of XML; the file may hold the status, 502 otherwise
    fail          FAILED, with the messageKey in the file, or internalError
    hang          no answer until the file is gone
    minute        the seconds that a minute of bbb-web's expiry lasts
    stale         IDs of meetings, one a line, that are listed as live for ever, as in ebbba #306.
                  A restart forgets them, unless the file is written anew.
    wrapped       a breakout room names its parent within <breakout>, as api.md shows, and not
                  beside it, as the newer templates do

A fault is of the API alone: signals and media do not know of it.
"""

from pathlib import Path


class Switches:
    """directory: where the files are; it need not exist."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def value(self, name: str) -> str | None:
        """What the file holds, stripped; None if the switch is off."""
        try:
            return (self._directory / name).read_text().strip()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def seconds(self, name: str, otherwise: float) -> float:
        """The number in the file. Raises ValueError for anything else."""
        value = self.value(name)
        return otherwise if value is None else float(value)

    def set_since(self, name: str, moment: float) -> str | None:
        """What the file holds, if it was written after that moment (epoch seconds)."""
        value = self.value(name)
        if value is None or (self._directory / name).stat().st_mtime <= moment:
            return None
        return value
