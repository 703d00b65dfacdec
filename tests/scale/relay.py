"""A relay that delays all data by half a round trip in each direction."""

import asyncio
import socket
from collections import deque
from typing import Protocol

import asyncssh


class Counting(Protocol):
    """Counts the bytes that a server has sent."""

    sent: int


class End(asyncio.Protocol):
    """One end of the relay: data that come in here go out at the other end, later.

    seconds: how much later
    """

    def __init__(self, seconds: float) -> None:
        self.other: End
        self._seconds = seconds
        self._waiting: deque[bytes | None] = deque()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.other.later(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "other"):
            self.other.later(None)

    def later(self, data: bytes | None) -> None:
        """Send the data later, or close. Keeps the order: for equal times asyncio promises none."""
        self._waiting.append(data)
        asyncio.get_running_loop().call_later(self._seconds, self._send)

    def _send(self) -> None:
        data = self._waiting.popleft()
        if data is None:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write(data)


class Far(End):
    """The end at the server."""

    def __init__(self, seconds: float, count: Counting) -> None:
        super().__init__(seconds)
        self._count = count

    def data_received(self, data: bytes) -> None:
        self._count.sent += len(data)
        super().data_received(data)


class Near(End):
    """The end at the client. It starts an SSH server of its own for each connection.

    options: of that server; round_trip: in seconds
    """

    def __init__(
        self, options: asyncssh.SSHServerConnectionOptions, count: Counting, round_trip: float
    ) -> None:
        super().__init__(round_trip / 2)
        self._options, self._count, self._round_trip = options, count, round_trip
        self._server: asyncio.Task[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport.pause_reading()
        self._server = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        # TCP's handshake takes a round trip before the first byte goes.
        await asyncio.sleep(self._round_trip)
        here, there = socket.socketpair()
        far = Far(self._round_trip / 2, self._count)
        self.other, far.other = far, self
        await asyncio.get_running_loop().create_connection(lambda: far, sock=here)
        if not self._transport.is_closing():
            self._transport.resume_reading()
        try:
            await asyncssh.run_server(there, options=self._options)
        except (OSError, asyncssh.Error):
            # The client has gone, or does not speak SSH, so there is nothing to serve.
            self._transport.close()
