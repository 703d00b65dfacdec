"""What opens a gocryptfs volume when host and password are lost, kept by the operator."""

import base64
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

from pyinfra.api import FunctionCommand, StringCommand

MASTER_KEY = re.compile("[0-9a-fA-F]{64}")


class Escrow:
    """A directory with gocryptfs.conf and masterkey, readable by its owner alone.

    The master key (64 hexadecimal digits) opens the volume without config or password:
    gocryptfs -masterkey, gocryptfs(1).
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def config(self) -> bytes | None:
        """The escrowed gocryptfs.conf, None unless config and master key are both there."""
        if self.master_key is None:
            return None
        file = self.directory / "gocryptfs.conf"
        return file.read_bytes() if file.is_file() else None

    @property
    def master_key(self) -> str | None:
        """The escrowed master key, None if there is no file, or no master key in it.

        gocryptfs shows a new volume's key in groups of eight digits, with dashes, on two lines.
        Whoever has copied the key from there has the same key.
        """
        file = self.directory / "masterkey"
        text = file.read_text("utf-8-sig", errors="replace") if file.is_file() else ""
        found = "".join(text.split()).replace("-", "").lower()
        return found if MASTER_KEY.fullmatch(found) else None

    @property
    def lack(self) -> str:
        """What keeps these files from giving a lost host its volume or key back; "" if nothing."""
        lacks = []
        if self.master_key is None:
            lacks.append("no masterkey with 64 hexadecimal digits")
        if not (self.directory / "gocryptfs.conf").is_file():
            lacks.append("no gocryptfs.conf")
        return " and ".join(lacks)

    @property
    def exists(self) -> bool:
        """Whether anything is escrowed, even one of the two alone: there is or was a volume."""
        return any((self.directory / name).exists() for name in ("masterkey", "gocryptfs.conf"))

    def store(self, config: bytes, master_key: str) -> None:
        """Keep these two. Earlier files stay beside them, with the present time in their names.

        Raises ValueError, before it writes anything, for a wrong master key or an empty config.
        """
        if not MASTER_KEY.fullmatch(master_key):
            raise ValueError("a gocryptfs master key has 64 hexadecimal digits")
        if not config:
            raise ValueError("an empty gocryptfs.conf opens nothing")
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        # The config last: with it the pair counts as complete.
        for name, content in (
            ("masterkey", f"{master_key}\n".encode()),
            ("gocryptfs.conf", config),
        ):
            self._write(self.directory / name, content, now)

    def fetch(self, config: str, password_file: str) -> FunctionCommand:
        """A command that keeps a host's config, and the master key that is in it.

        config, password_file: paths on the host; the password has to open the config

        If a master key is escrowed, the host's has to be the same one: then only the password is
        new, or a run was cut off while it escrowed. Otherwise the host fails, and the escrowed
        files stay. Both come by the connection, and pyinfra prints them at no verbosity.
        """
        return FunctionCommand(self._fetch, (config, password_file), {})

    def _fetch(self, state: Any, host: Any, config: str, password_file: str) -> None:
        command = StringCommand(
            f"base64 -w 0 {quote(config)} && echo && "
            f"gocryptfs-xray -dumpmasterkey {quote(config)} < {quote(password_file)}"
        )
        ok, output = host.run_shell_command(
            command, print_output=False, print_input=False, _sudo=True
        )
        if not ok or len(output.stdout_lines) != 2:
            raise RuntimeError(f"{config}: the master key could not be read for escrow")
        encoded, master_key = output.stdout_lines
        if self.master_key not in (None, master_key):
            raise RuntimeError(
                f"{config} has another master key than {self.directory}: one of the two opens the "
                "files. Move the other aside, whole, and run again; nothing was changed in either"
            )
        self.store(base64.b64decode(encoded), master_key)

    @classmethod
    def _write(cls, file: Path, content: bytes, now: str) -> None:
        # The old content gets its other name first, so that a cut leaves no moment without a file.
        if file.exists() and (old := file.read_bytes()) != content:
            cls._put(file.with_name(f"{file.name}.{now}"), old)
        cls._put(file, content)

    @staticmethod
    def _put(file: Path, content: bytes) -> None:
        temporary = file.with_name(f".{file.name}.new")
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        ) as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        temporary.rename(file)
