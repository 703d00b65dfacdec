"""The SSH connection that pyinfra opens, made quick and sure to end."""

import socket

from pyinfra import host

KEEPALIVE_SECONDS = 15


def tune() -> None:
    """Send each command at once, and notice a host that went away.

    paramiko leaves Nagle's algorithm on, which makes every command wait some 40 ms for the
    acknowledgement of the one before, and it would wait for ever for a host that was reset.
    """
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    if transport:
        # Through a jump host it is no socket but a channel of another connection.
        if hasattr(transport.sock, "setsockopt"):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.set_keepalive(KEEPALIVE_SECONDS)
