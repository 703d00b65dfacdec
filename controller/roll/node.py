"""A node through pyinfra's connection, by the host's own program coop-bbb."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from paramiko import SSHException
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.context import ctx_host

from controller.connection import tune
from controller.reach import is_open
from controller.roll import lease, sent
from controller.roll.answers import (
    Answer,
    Change,
    Done,
    Faults,
    Look,
    Meetings,
    Problem,
    Unreadable,
    Window,
    read,
)
from controller.roll.outside import why_shut
from controller.roll.steps import Away, NodeError, Say, Taken
from engine.terminal import printable

PROGRAM = "/usr/local/sbin/coop-bbb"

# In seconds. A look asks for meetings, which may take 10 s, and for packages.
LOOK_LIMIT, MEETINGS_LIMIT, WINDOW_LIMIT = 180, 60, 60
# nginx's old workers may take 90 s to end their requests.
GATE_LIMIT = 400
CHANGE_WAIT, CHANGE_LIMIT = 40, 120
# All units have to run for half a minute, and bbb-conf --check may take minutes.
VERIFY_LIMIT = 600

T = TypeVar("T", bound=Answer)


class HostNode:
    """A node of this run.

    host: pyinfra's; address: where its public side is, hostname: under which name
    holder: the name of this roll's lease, which each command renews; "" for a look without a lease
    staged: what the data has staged there, by the file's name; texts that may be secrets
    ssh: the port of SSH if it should be open within the VPN alone; 0 otherwise
    """

    def __init__(
        self,
        host: Any,
        address: str,
        hostname: str,
        holder: str,
        staged: Mapping[str, str],
        *,
        ssh: int = 0,
    ) -> None:
        self.name: str = host.name
        self._host, self._address, self._hostname = host, address, hostname
        self._holder, self._staged, self._ssh = holder, staged, ssh

    def take(self, say: Say, sleep: Callable[[float], None] = time.sleep) -> None:
        """Returns once no other roll holds the node. Raises Taken if one stays there."""
        if self._ssh and is_open(self._address, self._ssh):
            # A run from outside of the VPN has left it open, and says so each time.
            self._ssh = 0
        for attempt in range(lease.SECONDS // 5 + 2):
            try:
                self.renew()
                return
            except Taken as error:
                if not attempt:
                    say(f"{error}; waits whether that roll has ended")
                last = error
                sleep(5)
        raise last

    def let_go(self) -> None:
        """The next roll need not wait for the end of the lease."""
        words = ["sh", "-c", lease.RELEASE, "roll", self._holder]
        command = StringCommand(*map(QuoteString, words))
        try:
            self._send(command, 30)
        except NodeError:
            # The lease ends by itself.
            return

    def look(self) -> Look:
        return self._ask(Look, ["look"], LOOK_LIMIT)

    def look_from_afar(self, program: str) -> Look:
        """A look by the program that this text is, without anything of ours on the node."""
        try:
            return read(Look, self._run([*sent.COMMAND], LOOK_LIMIT, program))
        except Unreadable as error:
            raise NodeError(f"what {self.name} tells: {error}") from None

    def meetings(self) -> Meetings:
        return self._ask(Meetings, ["meetings"], MEETINGS_LIMIT)

    def close_gate(self) -> None:
        self._ask(Done, ["gate", "close"], GATE_LIMIT)

    def open_gate(self) -> None:
        self._ask(Done, ["gate", "open"], GATE_LIMIT)

    def change(self, cut: bool) -> Change:
        words = ["change", "--wait", str(CHANGE_WAIT), *(["--cut"] if cut else [])]
        return self._ask(Change, words, CHANGE_LIMIT)

    def verify(self) -> Faults:
        found = self._ask(Faults, ["verify"], VERIFY_LIMIT)
        # BigBlueButton's own scripts open it in ufw: bbb-install.
        if not self._ssh or not is_open(self._address, self._ssh):
            return found
        open_port = f"SSH (tcp {self._ssh}) answers at {self._address}, outside of the VPN"
        return found.model_copy(update={"faults": (*found.faults, open_port)})

    def write_window(self, window: Window) -> None:
        self._ask(Done, ["window", "write"], WINDOW_LIMIT, window.model_dump_json())

    def clear_window(self) -> None:
        self._ask(Done, ["window", "clear"], WINDOW_LIMIT)

    def renew(self) -> None:
        self._run(["true"], 30)

    def shut_outside(self) -> str:
        return why_shut(self._address, self._hostname)

    def old_files(self) -> str:
        """By digests with a salt of their own: no secret goes there or comes back."""
        salt = secrets.token_hex(16)
        found = self._run(["/usr/bin/python3", "-I", "-c", DIGESTS, *self._staged], 60, salt)
        there = dict(zip(self._staged, found.split("\n"), strict=False))
        old = [
            name for name, text in self._staged.items() if there.get(name) != _digest(salt, text)
        ]
        return " and ".join(old)

    def _ask(self, kind: type[T], words: list[str], limit: int, stdin: str = "") -> T:
        text = self._run([PROGRAM, *words], limit, stdin)
        try:
            return read(kind, text)
        except Unreadable as error:
            raise NodeError(f"coop-bbb {words[0]} on {self.name}: {error}") from None

    def _run(self, words: list[str], limit: int, stdin: str = "") -> str:
        """What the command prints. Raises NodeError if it fails, Taken if another roll is there."""
        leased = ["sh", "-c", lease.SCRIPT, "roll", self._holder] if self._holder else []
        command = StringCommand(*map(QuoteString, [*leased, *words]))
        ok, out, said = self._send(command, limit, stdin)
        if not ok and out.startswith("taken "):
            raise lease.taken(self.name, out)
        if not ok:
            raise NodeError(f"{words[0].rpartition('/')[2]} on {self.name}: {_problem(out, said)}")
        return out

    def _send(self, command: StringCommand, limit: int, stdin: str = "") -> tuple[bool, str, str]:
        """Runs the command, once more if the connection is lost. Raises Away.

        Each command can be repeated, and one that still runs keeps the lock of the lease.
        """
        lost = ""
        for _ in range(2):
            try:
                if not self._host.connected:
                    self._connect_anew()
                ok, output = self._host.run_shell_command(
                    command, _sudo=True, _timeout=limit, **({"_stdin": stdin} if stdin else {})
                )
                return ok, "\n".join(output.stdout_lines), "\n".join(output.stderr_lines)
            except TimeoutError:
                self._host.connected = False
                raise Away(f"{self.name} has not answered within {limit} s") from None
            except (OSError, EOFError, SSHException, ConnectError) as error:
                self._host.connected = False
                lost = str(error) or type(error).__name__
        raise Away(f"the connection to {self.name} is lost ({lost})")

    def _connect_anew(self) -> None:
        client = getattr(self._host.connector, "client", None)
        if client:
            client.close()
        self._host.connect(show_errors=False, raise_exceptions=True)
        with ctx_host.use(self._host):
            tune()


def _problem(out: str, said: str) -> str:
    """What the program says of itself, or else the last line of what went wrong."""
    try:
        return read(Problem, out).problem
    except Unreadable:
        last = [it for it in (said or out).splitlines() if it.strip()][-1:]
        return _line(last[0]) if last else "it failed, and did not say why"


def _line(line: str) -> str:
    """A line of a host, for a person."""
    return printable(line.strip()[:500], keep="")


def _digest(salt: str, text: str) -> str:
    return hmac.new(salt.encode(), text.strip().encode(), hashlib.sha256).hexdigest()


# Prints a line for each file: HMAC-SHA-256 of its content by the key on stdin, or nothing.
DIGESTS = """\
import hashlib, hmac, pathlib, sys
key = sys.stdin.readline().strip().encode()
for name in sys.argv[1:]:
    try:
        data = pathlib.Path("/var/lib/coop-infra/bbb", name).read_bytes()
    except OSError:
        print()
    else:
        print(hmac.new(key, data.strip(), hashlib.sha256).hexdigest())
"""
