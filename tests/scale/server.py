"""python -m tests.scale.server RECORDING PORT MILLISECONDS FILE HOST...: SSH servers of all hosts.

The servers answer from the recording of one run. MILLISECONDS is the round trip; FILE gets what was
counted, as JSON. The process prints a line once it listens, and ends when its stdin ends.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import asyncssh

from tests.scale.fleet import address
from tests.scale.limits import allow_open_files
from tests.scale.recording import Recording, Replay
from tests.scale.relay import Near


@dataclass
class Count:
    """The counts of one host: remote commands, bytes that it sent, commands without a recording."""

    commands: int = 0
    sent: int = 0
    unknown: list[str] = field(default_factory=list)


class Host(asyncssh.SSHServer):
    """Accepts every account and every key, and answers from the recording."""

    def __init__(self, name: str, replay: Replay, count: Count) -> None:
        self._name, self._replay, self._count = name, replay, count

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True

    def session_requested(self) -> "Session":
        return Session(self._name, self._replay, self._count)


class Session(asyncssh.SSHServerSession[bytes]):
    """One command."""

    def __init__(self, name: str, replay: Replay, count: Count) -> None:
        self._name, self._replay, self._count = name, replay, count
        self._command, self._stdin, self._reads = "", b"", False
        self._channel: asyncssh.SSHServerChannel[bytes]

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        self._command = command
        self._reads = self._replay.reads(self._name, command)
        self._count.commands += 1
        return True

    def session_started(self) -> None:
        # As with a shell, only a command that reads its stdin waits for the stdin.
        if not self._reads:
            self._answer()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._stdin += data

    def eof_received(self) -> bool:
        if self._reads:
            self._answer()
        return False

    def _answer(self) -> None:
        try:
            text, status = self._replay.answer(self._name, self._command, self._stdin.decode())
        except LookupError:
            self._count.unknown.append(self._command)
            self._channel.write_stderr(b"tests/scale: this command was not recorded\n")
            self._channel.exit(127)
            return
        self._channel.write(text.encode())
        self._channel.exit(status)


async def serve(
    replay: Replay, port: int, seconds: float, names: list[str], counts: dict[str, Count]
) -> None:
    """Listens at the address of each host. seconds: of a round trip; counts: gets each host's."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.get_running_loop()
    for number, name in enumerate(names):
        count = counts[name] = Count()
        options = asyncssh.SSHServerConnectionOptions(
            server_factory=partial(Host, name, replay, count),
            server_host_keys=[key],
            encoding=None,
            compression_algs=None,
        )
        near = partial(Near, options, count, seconds)
        await loop.create_server(near, address(number), port)


async def _main(recorded: str, port: str, milliseconds: str, file: str, *names: str) -> None:
    counts: dict[str, Count] = {}
    replay = Replay(Recording.load(Path(recorded)))
    await serve(replay, int(port), int(milliseconds) / 1000, list(names), counts)
    print("listening", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    used = getrusage(RUSAGE_SELF)
    found = {name: asdict(count) for name, count in counts.items()}
    Path(file).write_text(json.dumps({"cpu": used.ru_utime + used.ru_stime, "hosts": found}))


if __name__ == "__main__":
    allow_open_files()
    asyncio.run(_main(*sys.argv[1:]))
