"""The SSH connection that pyinfra opens, made quick."""

import socket

from pyinfra import host


def no_delay() -> None:
    """Send each command at once.

    paramiko leaves Nagle's algorithm on, which makes every command wait some 40 ms for the
    acknowledgement of the one before.
    """
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    if transport:
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
