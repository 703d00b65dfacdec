import socket
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.context import ctx_host

from deploys.connection import KEEPALIVE_SECONDS, tune


class Transport:
    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.keepalive: int | None = None

    def set_keepalive(self, seconds: int) -> None:
        self.keepalive = seconds


def tuned(transport: Transport | None) -> None:
    client = SimpleNamespace(get_transport=lambda: transport)
    with ctx_host.use(SimpleNamespace(connector=SimpleNamespace(client=client))):
        tune()


def test_a_connection_sends_at_once_and_is_kept_alive() -> None:
    with socket.socket() as sock:
        transport = Transport(sock)
        tuned(transport)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert transport.keepalive == KEEPALIVE_SECONDS


def test_through_a_jump_host_there_is_no_socket_to_tune() -> None:
    transport = Transport(object())
    tuned(transport)
    assert transport.keepalive == KEEPALIVE_SECONDS


@pytest.mark.parametrize("connector", [SimpleNamespace(), SimpleNamespace(client=None)])
def test_what_is_no_ssh_is_left_alone(connector: Any) -> None:
    with ctx_host.use(SimpleNamespace(connector=connector)):
        tune()
