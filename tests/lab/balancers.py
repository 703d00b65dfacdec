"""Balancers of the lab's nodes of BigBlueButton, beside the tests."""

import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from controller.balancers import balancer
from controller.balancers.interface import BalancerError, Server
from lab.acme import CA_FILE
from lab.bbb.bbblb.installed import environment
from lab.command import wait_for
from lab.machines import ROOT, STATE
from tests.lab.fleets import BbbNodes

HERE = STATE / "rolls"


def hostname(name: str) -> str:
    return f"{name}.lab.test"


class Balancer(ABC):
    """A balancer that knows the nodes by name, without a name server in the lab.

    driver, url: as in group_data/bbb.py
    """

    driver: ClassVar[str]
    url: ClassVar[str]

    def __init__(self, nodes: BbbNodes, secret: str) -> None:
        """secret: of the balancer's own API"""
        # Another session's records would be of nodes that are bare again.
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir(parents=True)
        names = "".join(f"{it.address} {hostname(it.name)}\n" for it in nodes.all)
        (self._home / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        self._process: subprocess.Popen[bytes] | None = None
        self._secret = secret
        self._asked = balancer("meet", self.driver, self.url, secret)

    @property
    def _home(self) -> Path:
        return HERE / self.driver

    @property
    @abstractmethod
    def _words(self) -> Sequence[str | Path]:
        """The command that serves it until it is ended."""

    @property
    @abstractmethod
    def _records(self) -> Path:
        """The file with all that it knows of the nodes."""

    def begin(self) -> None:
        """Start, with the records that it had."""
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script, self._home / "hosts", *self._words],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "SSL_CERT_FILE": str(CA_FILE)},
            )  # fmt: skip
        wait_for(self._answers, f"{self.driver} answers", 60)

    def end(self) -> None:
        if self._process:
            # With what it has started itself.
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(30)
            self._process = None

    def keep(self) -> None:
        """The records of now come back with `go_back`."""
        self.end()
        shutil.copy(self._records, self._home / "kept")
        self.begin()

    def go_back(self) -> None:
        self.end()
        shutil.copy(self._home / "kept", self._records)
        self.begin()

    def __getitem__(self, name: str) -> Server:
        return self._asked.list()[hostname(name)]

    def knows(self, name: str) -> bool:
        return hostname(name) in self._asked.list()

    def signs_with(self, name: str, secret: str) -> bool:
        return self._asked.knows(hostname(name), secret)

    def _answers(self) -> bool:
        with suppress(BalancerError):
            self._asked.list()
            return True
        return False


class ScaleliteStandin(Balancer):
    """The stand-in for Scalelite (lab/bbb/scalelite)."""

    driver = "scalelite"
    url = "http://127.0.0.1:3099"

    @property
    def _words(self) -> Sequence[str | Path]:
        secret = self._home / "secret"
        secret.touch(mode=0o600)
        secret.write_text(self._secret)
        # A poll of 60 s comes each 6 s.
        return (
            *(sys.executable, "-m", "lab.bbb.scalelite", "--listen", self.url.partition("//")[2]),
            *("--secret", secret, "--records", self._records),
            *("--second", "0.1", "--unhealthy", "5"),
        )

    @property
    def _records(self) -> Path:
        return self._home / "records.json"


class Bbblb(Balancer):
    """bbblb itself, of PyPI (lab/bbb/bbblb)."""

    driver = "bbblb"
    url = f"command:{HERE}/bbblb/command"

    @property
    def _words(self) -> Sequence[str | Path]:
        environment()
        return (
            *(sys.executable, "-m", "lab.bbb.bbblb", self._home, "--listen", "127.0.0.1:3098"),
            *("--authority", CA_FILE, "--interval", "2"),
        )

    @property
    def _records(self) -> Path:
        return self._home / "bbblb.db"
