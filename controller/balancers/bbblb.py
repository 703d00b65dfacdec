"""bbblb, by its own command line (bbblb 0.0.18: docs/cli.rst).

Not by its REST API, which upstream calls unstable: in 0.0.18 GET v1/server answers 500 instead of
the list, and v1/server/NAME/disable answers 500 and does nothing.

The driver runs a program of the operator's, which reads the words of one command as a JSON list on
stdin and hands them to bbblb: so no secret is in the arguments of a process. docs/balancers.md has
that program. bbblb's `disable` is a cordon: no new meetings, and joins pass.
"""

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.balancers.driver import Driver, Forbidden, same
from controller.balancers.interface import BalancerError, Server, State, host_of

PREFIX = "command:"
"""What a balancer's url begins with, before the whole path of the program."""

TIME_LIMIT = 60.0
"""Seconds for one command of bbblb."""

_DOMAIN = re.compile(r"[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?")
_SECRET = re.compile(r"[A-Za-z0-9]{1,256}")

_STATS = ("server", "stats", "--table-format", "json")
_EXPORT = ("state", "export", "--include", "servers")

_LOOK = 'run the balancer\'s command by hand with `["server", "stats"]` on stdin'


@dataclass(frozen=True)
class _Record:
    """domain: the server's name in bbblb, perhaps with a port."""

    domain: str
    server: Server


class Bbblb(Driver):
    """The driver for bbblb; see controller.balancers.interface.Balancer.

    url: "command:/whole/path/of/the/program"
    bbblb has no tags and no weights: all servers have "" and 1.0.
    """

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name, _LOOK)
        self._program = Path(url.removeprefix(PREFIX))
        if not url.startswith(PREFIX) or not self._program.is_absolute():
            raise BalancerError(
                f"the url of {name} names no program",
                f"write {PREFIX} and the whole path of the program that docs/balancers.md shows",
            )

    def list(self) -> dict[str, Server]:
        return {record.server.host: record.server for record in self._records().values()}

    def add(self, host: str, secret: str, *, weight: float = 1.0, tag: str = "") -> Server:
        if weight != 1.0 or tag:
            raise BalancerError(
                f"{self.name} is bbblb, which has no weights and no tags",
                f"take weight and tag of {host} out of its record",
            )
        there = self._records().get(host)
        if there is not None:
            self._take_secret(host, there.domain, secret)
            return there.server
        self._command("server", "create", "-U", "--secret", secret, host_of(host))
        # bbblb makes a server enabled. The server gets no meetings before several good polls.
        return self.cordon(host)

    def cordon(self, host: str) -> Server:
        return self._switch(host, "disable", "cordoned")

    def restore(self, host: str, state: State) -> Server:
        return self._switch(host, "enable", "serving") if state == "serving" else self.cordon(host)

    def knows(self, host: str, secret: str) -> bool:
        return same(self._secret(self._record(host).domain), secret)

    def set_secret(self, host: str, secret: str) -> None:
        self._take_secret(host, self._record(host).domain, secret)

    def remove_if_empty(self, host: str, empty: Callable[[], bool]) -> bool:
        record = self._records().get(host)
        if record is None:
            return True
        self.check_empty(record.server, empty)
        self._command("server", "delete", record.domain)
        # bbblb 0.0.18 says "removed" and never commits that: the record stays, cordoned.
        return host not in self._records()

    def _switch(self, host: str, word: str, state: State) -> Server:
        record = self._record(host)
        if record.server.state != state:
            self._command("server", word, record.domain)
            record = self._record(host)
        if record.server.state != state:
            raise self.not_taken(host, f"that it is {state}")
        return record.server

    def _take_secret(self, host: str, domain: str, secret: str) -> None:
        if same(self._secret(domain), secret):
            return
        self._command("server", "create", "-U", "--secret", secret, domain)
        if not same(self._secret(domain), secret):
            raise self.not_taken(host, "its secret")

    def _record(self, host: str) -> _Record:
        try:
            return self._records()[host]
        except KeyError:
            raise self.unknown(host) from None

    def _records(self) -> dict[str, _Record]:
        """By host."""
        lines = self._command(*_STATS).splitlines()
        # No line at all may also come from a program that lost bbblb's answer.
        if not lines and self._secrets():
            raise self.not_whole()
        try:
            records = [_read(json.loads(line)) for line in lines]
        except (KeyError, TypeError, ValueError):
            raise self.not_whole() from None
        by_host = {record.server.host: record for record in records}
        if len(by_host) != len(records):
            raise BalancerError(
                f"{self.name} has one server twice, with two ports",
                "take the record that is not used away in bbblb",
            )
        return by_host

    def _secret(self, domain: str) -> str:
        try:
            return self._secrets()[domain]
        except KeyError:
            raise self.not_whole() from None

    def _secrets(self) -> dict[str, str]:
        """By the servers' names in bbblb."""
        try:
            export = json.loads(self._command(*_EXPORT))
            secrets = {name: item["secret"] for name, item in export["servers"].items()}
            if export["v"] != 1 or not all(isinstance(it, str) for it in secrets.values()):
                raise ValueError
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self.not_whole() from None
        return secrets

    def _command(self, *words: str) -> str:
        """What bbblb prints. It may hold secrets, so no message has any of it."""
        _refuse_what_is_not_allowed(words)
        what = f"{self.name}: `bbblb {words[0]} {words[1]}`"
        try:
            done = subprocess.run(
                [str(self._program)],
                input=json.dumps(words),
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BalancerError(f"{what} did not end in time", _LOOK) from None
        except (OSError, UnicodeError) as error:
            raise BalancerError(
                f"{self._program} cannot be run: {type(error).__name__}",
                "make it as docs/balancers.md shows, and chmod 700",
            ) from None
        if done.returncode != 0:
            raise BalancerError(f"{what} failed ({done.returncode})", _LOOK)
        return done.stdout


def _refuse_what_is_not_allowed(words: Sequence[str]) -> None:
    """Each command that is allowed, word by word. So no --nuke, no --wait, no `state import`.

    --nuke ends meetings, --wait believes bbblb that none is left, an import is a sync.
    """
    if tuple(words) in (_STATS, _EXPORT):
        return
    match words:
        case ["server", "enable" | "disable" | "delete", domain]:
            fits = True
        case ["server", "create", "-U", "--secret", secret, domain]:
            # Not --nuke in the place of a secret.
            fits = bool(_SECRET.fullmatch(secret))
        case _:
            fits, domain = False, ""
    if not fits or not _DOMAIN.fullmatch(domain):
        raise Forbidden("bbblb " + " ".join(words[:2]))


def _read(item: dict[str, Any]) -> _Record:
    """Raises KeyError, TypeError or ValueError for what is no server of bbblb's."""
    domain = item["server"]
    if not isinstance(item["enabled"], bool):
        raise TypeError
    if item["state"] not in ("available", "unstable", "offline"):
        raise ValueError
    server = Server(
        host=host_of(domain),
        url=f"https://{domain}/bigbluebutton/api",
        state="serving" if item["enabled"] else "cordoned",
        online=item["state"] == "available",
        tag="",
        weight=1.0,
    )
    return _Record(domain, server)
