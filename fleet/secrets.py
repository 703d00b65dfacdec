"""The operator's secrets: read from .env and the environment, checked, and never printed."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from pydantic import SecretStr

from fleet import LAB_STATE, ROOT, is_lab
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.reading.problems import FleetError, Problem, shown_path
from fleet.secret_kinds import KINDS, kind_of
from fleet.secret_kinds.kind import Wrong
from fleet.secret_kinds.volumes import ESCROW, escrow_path


def file_for(fleet: Fleet) -> Path:
    """The file of secrets for the fleet's inventory. The lab has its own file."""
    return LAB_STATE / "env" if is_lab(fleet.file) else ROOT / ".env"


def required(fleet: Fleet, hosts: Sequence[Host]) -> tuple[str, ...]:
    """The variables that a run on these hosts needs."""
    now = datetime.now(UTC)
    return tuple(name for kind in KINDS for name in kind.needed(fleet, hosts, now))


class Secrets:
    """Secrets by the name of their variable. Neither str nor repr shows a value."""

    def __init__(
        self, file: Path, values: Mapping[str, SecretStr], misread: Mapping[str, Wrong]
    ) -> None:
        self.file = file
        self._values = dict(values)
        # What is wrong with the lines that the file may mean in another way than they are read.
        self._misread = dict(misread)

    @classmethod
    def load(cls, file: Path, environ: Mapping[str, str]) -> "Secrets":
        """Reads the file, which does not have to exist. A variable of environ goes before its line.

        An empty value counts as not set. Raises FleetError if the file is there and cannot be read.
        """
        text = ""
        try:
            with suppress(FileNotFoundError):
                text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = f"cannot be read: {type(error).__name__}"
            remedy = "make it a text file that you may read"
            raise FleetError([Problem(shown_path(file), "", "", message, remedy)]) from None
        # Not dotenv_values, which would expand the "${" in a password.
        lines = list(parse_stream(StringIO(text)))
        values = {line.key: line.value for line in lines if line.key}
        own = {name: environ[name] for name in environ if any(kind.has(name) for kind in KINDS)}
        merged = {**values, **own}
        secrets = {name: SecretStr(value) for name, value in merged.items() if value}
        misread = {name: wrong for name, wrong in map(_misread, lines) if wrong and name not in own}
        return cls(file, secrets, misread)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"

    def get(self, name: str) -> str | None:
        """The value in clear; None if it is not set. Give the value to nothing that prints."""
        secret = self._values.get(name)
        return secret.get_secret_value() if secret else None

    @property
    def escrow_directory(self) -> Path | None:
        """The directory on the operator's machine with gocryptfs.conf and master keys, if set."""
        value = self.get(ESCROW.variable)
        return escrow_path(value) if value else None

    def problems(self, *names: str) -> list[Problem]:
        """What is wrong with these variables and their file. No message contains a value."""
        found = (
            (name, self._misread.get(name) or kind_of(name).wrong(self.get(name))) for name in names
        )
        file = shown_path(self.file)
        problems = [Problem(file, name, "", *wrong) for name, wrong in found if wrong]
        if names and self.file.exists() and (mode := self.file.stat().st_mode & 0o077):
            message = f"can be used by others than you (mode {mode:04o} for them)"
            problems.append(Problem(file, "", "", message, f"run chmod 600 {file}"))
        return problems


def _misread(line: Binding) -> tuple[str, Wrong | None]:
    """The variable of the line, and what is wrong if not all of the line was taken for its value.

    Neither text shows a value.
    """
    start, _, text = line.original.string.partition("=")
    name = line.key or "".join(re.findall(r"^\s*(?:export\s+)?(\w+)", start))
    remedy = f"put the value in single quotes: {name}='...'"
    if line.error:
        return name, ("is on a line that cannot be read", remedy)
    text = text.strip()
    if text.startswith(("'", '"')) or text == (line.value or ""):
        return name, None
    return name, ("ends at a #: what follows was taken for a comment", remedy)
