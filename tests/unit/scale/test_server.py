"""A real SSH client asks the simulated hosts."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncssh

from tests.scale.fleet import address
from tests.scale.recording import Recording, Replay
from tests.scale.runs import free_port
from tests.scale.server import Count, serve

BIG = "line\n" * 50_000
Client = Callable[[asyncssh.SSHClientConnection, dict[str, Count]], Awaitable[None]]


def with_hosts(client: Client, seconds: float = 0.0) -> dict[str, Count]:
    """Runs the client, logged in to the second of two hosts; returns what was counted."""
    recording = Recording()
    recording.add(("vm2", "look", ""), (BIG, 0))
    recording.add(("vm2", "sh -s", "change\n"), ("", 3))
    counts: dict[str, Count] = {}

    async def run() -> None:
        port, key = free_port(), asyncssh.generate_private_key("ssh-ed25519")
        await serve(Replay(recording), port, seconds, ["vm1", "vm2"], counts)
        options = {"username": "ops-1", "client_keys": [key], "known_hosts": None, "config": None}
        async with asyncssh.connect(address(1), port, **options) as connection:
            await client(connection, counts)

    asyncio.run(asyncio.wait_for(run(), 30))
    return counts


def test_a_host_answers_by_its_recording_and_counts() -> None:
    async def client(connection: asyncssh.SSHClientConnection, counts: dict[str, Count]) -> None:
        looked = await connection.run("look")
        changed = await connection.run("sh -s", input="change\n")
        assert (looked.stdout, looked.exit_status) == (BIG, 0)
        assert (changed.stdout, changed.exit_status) == ("", 3)

    counts = with_hosts(client)
    assert counts["vm2"].commands == 2 and counts["vm2"].sent > len(BIG)
    assert counts["vm1"] == Count()


def test_what_was_not_recorded_fails_and_is_told() -> None:
    async def client(connection: asyncssh.SSHClientConnection, counts: dict[str, Count]) -> None:
        assert (await connection.run("other")).exit_status == 127
        assert (await connection.run("sh -s", input="other\n")).exit_status == 127

    assert with_hosts(client)["vm2"].unknown == ["other", "sh -s"]


def test_a_command_takes_two_round_trips() -> None:
    seconds = 0.1

    async def client(connection: asyncssh.SSHClientConnection, counts: dict[str, Count]) -> None:
        start = time.monotonic()
        # The command's stdin stays open, because the answer does not wait for its end.
        process = await connection.create_process("look")
        await process.stdout.readline()
        took = time.monotonic() - start
        process.stdin.write_eof()
        # One to open the channel, one for the command itself.
        assert 2 * seconds <= took < 2.9 * seconds

    with_hosts(client, seconds)
