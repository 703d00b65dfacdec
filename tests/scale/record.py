"""python -m tests.scale.record BEFORE AFTER RECORDED: one run of deploy.py, on simulated hosts.

BEFORE: the file with the hosts before the run, or "" for new hosts
AFTER: the file for the hosts after the run
RECORDED: the file for what the run sends and what the hosts answer
The exit status is that of the run.
"""

import base64
import pickle
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# pyinfra's command line patches the standard library for gevent, so its import comes first.
from pyinfra_cli.main import main as pyinfra  # isort: skip
from tests.scale import watch  # isort: skip

from paramiko import Ed25519Key
from pyinfra.connectors.ssh import SSHConnector

from engine.fact import END
from tests.scale.answers import answer
from tests.scale.fleet import INVENTORY
from tests.scale.recording import Recording
from tests.scale.world import World

_worlds: dict[str, World] = {}
_recording = Recording()


def main() -> None:
    before, after, recorded = sys.argv[1:]
    watch.questions()
    watch.change.append(lambda name, operation, own: _worlds[name].change(operation, **own))
    SSHConnector._connect = _connect
    if before:
        _worlds.update(pickle.loads(Path(before).read_bytes()))
    sys.argv = ["pyinfra", INVENTORY, "deploy.py", "-y"]
    status = 0
    try:
        pyinfra()
    except SystemExit as end:
        status = int(end.code or 0)
    Path(after).write_bytes(pickle.dumps(_worlds))
    _recording.save(Path(recorded))
    sys.exit(status)


def _connect(self: Any) -> None:
    self.client = _Client(self.host.name, self.data["ssh_user"], self.data["ssh_key"])


class _Client:
    """Stands in for paramiko's SSHClient, as pyinfra and controller/connection.py use it."""

    def __init__(self, name: str, user: str, key: str) -> None:
        self._world = _worlds.setdefault(name, World(name))
        self._world.login = user
        self._transport = SimpleNamespace(
            sock=None,
            open_session=None,
            set_keepalive=lambda seconds: None,
            auth_handler=SimpleNamespace(private_key=Ed25519Key.from_private_key_file(key)),
            get_remote_server_key=lambda: SimpleNamespace(asbytes=lambda: b""),
        )

    def get_transport(self) -> Any:
        return self._transport

    def close(self) -> None: ...

    def exec_command(self, command: str, get_pty: bool) -> tuple[Any, Any, Any]:
        call = _Call(self._world, command)
        return call, call, ()


class _Call:
    """One command: its stdin and its stdout."""

    def __init__(self, world: World, command: str) -> None:
        self._world, self._command, self._stdin = world, command, b""
        self._answer: tuple[str, int] | None = None
        self.channel = SimpleNamespace(recv_exit_status=lambda: self._answered()[1])

    def write(self, data: bytes) -> None:
        self._stdin += data

    def close(self) -> None:
        self._answered()

    def __iter__(self) -> Iterator[str]:
        return iter(self._answered()[0].splitlines())

    def _answered(self) -> tuple[str, int]:
        if self._answer is None:
            stdin = self._stdin.decode()
            self._answer = _run(self._world, shlex.split(self._command)[-1], stdin)
            _recording.add((self._world.name, self._command, stdin), self._answer)
        return self._answer


def _run(world: World, command: str, stdin: str) -> tuple[str, int]:
    """What the shell of that host prints, and its exit status."""
    if asked := watch.asked(stdin if command == "sh -s" else command):
        parts = ([*answer(world, *it), END] for it in asked)
        return "".join(f"{line}\n" for part in parts for line in part), 0
    # This is what engine.report.fail sends.
    if re.fullmatch(r"printf .* exit 1", command, re.DOTALL):
        return "", 1
    if "base64 -d | tar -x" in command:
        world.receive(stdin)
    if command.startswith("base64 -w 0"):
        return f"{base64.b64encode(world.config()).decode()}\n{'0' * 64}\n", 0
    if match := re.search(r"\bfile=(\S+); (wg pubkey|ssh-keygen -y)", command):
        return f"{world.keys[match[1]]}\n", 0
    return "", 0


if __name__ == "__main__":
    main()
