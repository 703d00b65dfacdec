"""One bbblb of the lab: its directory, its command, its server."""

import json
import os
import secrets
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Reads the words of one command on stdin: a secret among them is in no argument.
COMMAND = """\
#!/bin/sh
# Gives bbblb one command: its words are a JSON list on stdin.
set -a; . {directory}/env; set +a
exec {python} -I -c 'import json, sys; from bbblb.cli import main; main(args=json.load(sys.stdin))'
"""


@dataclass(frozen=True)
class Real:
    """environment: as installed.environment gives it; directory: bbblb's own; it need not exist.

    listen: "127.0.0.1:8000". authority: a PEM file; bbblb trusts the nodes' certificates by it
    settings: bbblb's, without BBBLB_ (bbblb/settings.py), such as POLL_INTERVAL in seconds
    """

    environment: Path
    directory: Path
    listen: str
    authority: Path | None = None
    settings: Mapping[str, str] | None = None

    @property
    def command(self) -> Path:
        return self.directory / "command"

    @property
    def _python(self) -> Path:
        return self.environment / "bin/python"

    def prepare(self) -> None:
        """Writes settings and command. bbblb's own secret is made once, and stays."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = self.directory / "secret"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_hex(32))
        values = {
            "BBBLB_DOMAIN": self.listen.rpartition(":")[0],
            "BBBLB_SECRET": secret.read_text(),
            "BBBLB_DB": f"sqlite:///{self.directory}/bbblb.db",
            "BBBLB_PATH_DATA": str(self.directory),
            **{f"BBBLB_{name}": value for name, value in (self.settings or {}).items()},
        }
        if self.authority:
            values["SSL_CERT_FILE"] = str(self.authority)
        env = self.directory / "env"
        env.touch(mode=0o600)
        env.write_text("".join(f"{key}={shlex.quote(it)}\n" for key, it in values.items()))
        self.command.write_text(
            COMMAND.format(
                directory=shlex.quote(str(self.directory)), python=shlex.quote(str(self._python))
            )
        )
        self.command.chmod(0o700)

    def give(self, *words: str) -> str:
        """What bbblb prints for the command. Raises CalledProcessError."""
        text = json.dumps(words)
        done = subprocess.run(
            [self.command], input=text, capture_output=True, text=True, check=True
        )
        return done.stdout

    def serve(self) -> subprocess.Popen[bytes]:
        """bbblb's server. Its log is in the directory."""
        host, _, port = self.listen.rpartition(":")
        serving = f'set -a; . {shlex.quote(str(self.directory))}/env; set +a; exec "$@"'
        uvicorn = [
            str(self._python),
            "-m",
            "uvicorn",
            "bbblb.asgi:app",
            "--host",
            host,
            "--port",
            port,
        ]
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                ["sh", "-c", serving, "sh", *uvicorn],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": str(self.directory)},
            )
