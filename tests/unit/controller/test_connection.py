import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from paramiko import SSHException
from pyinfra.context import ctx_host

from controller.connection import (
    KEEPALIVE_SECONDS,
    SILENCE_SECONDS,
    key_of_login,
    log_in_anew,
    tune,
)


class Transport:
    auth_handler: Any
    get_remote_server_key: Any

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.keepalive: int | None = None
        self.lost = False

    def open_session(self, timeout: int) -> str:
        if self.lost:
            raise EOFError
        return f"a session in {timeout} s"

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
        silence = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert silence == SILENCE_SECONDS * 1000 > 2 * KEEPALIVE_SECONDS * 1000
    assert transport.keepalive == KEEPALIVE_SECONDS


def test_a_connection_that_is_lost_fails_its_host_and_not_the_run() -> None:
    """pyinfra ends the run for all hosts at an exception that it does not know."""
    transport = Transport(object())
    tuned(transport)
    assert transport.open_session(timeout=5) == "a session in 5 s"
    transport.lost = True
    with pytest.raises(SSHException, match="the connection was lost"):
        transport.open_session(timeout=5)


def test_through_a_jump_host_there_is_no_socket_to_tune() -> None:
    transport = Transport(object())
    tuned(transport)
    assert transport.keepalive == KEEPALIVE_SECONDS


@pytest.mark.parametrize("connector", [SimpleNamespace(), SimpleNamespace(client=None)])
def test_what_is_no_ssh_is_left_alone(connector: Any) -> None:
    with ctx_host.use(SimpleNamespace(connector=connector)):
        tune()


class Login:
    """Stands in for pyinfra's connection. `made`: the new connections beside it."""

    made: list["Login"]

    def __init__(self, state: Any = None, host: Any = None, may_sudo: bool = True) -> None:
        self.state, self.host, self.may_sudo = state, host, may_sudo
        self.data = {"ssh_user": "debian", "ssh_paramiko_connect_kwargs": {"banner_timeout": 9}}
        self.said: list[str] = []
        handler = SimpleNamespace(private_key=KEY)
        self.host_key = b"its host key"
        transport = Transport(object())
        transport.auth_handler = handler
        transport.get_remote_server_key = lambda: SimpleNamespace(asbytes=lambda: self.host_key)
        self.transport = transport
        self.client = SimpleNamespace(
            get_transport=lambda: transport, close=lambda: self.said.append("closed")
        )

    def connect(self) -> None:
        Login.made.append(self)

    def run_shell_command(self, command: Any, _timeout: int) -> tuple[bool, Any]:
        self.said.append(command.get_raw_value())
        assert _timeout > 0
        return self.may_sudo, SimpleNamespace(stderr="a password is required")


KEY = SimpleNamespace(get_name=lambda: "ssh-ed25519", get_base64=lambda: "AAAAkey")


@pytest.fixture
def login() -> Iterator[Login]:
    Login.made = []
    login = Login()
    with ctx_host.use(SimpleNamespace(connector=login)):
        yield login


def test_the_key_of_the_login_is_known(login: Login) -> None:
    assert key_of_login() == "ssh-ed25519 AAAAkey"


@pytest.mark.parametrize("connector", [SimpleNamespace(), SimpleNamespace(client=None)])
def test_without_ssh_there_is_no_key(connector: Any) -> None:
    with ctx_host.use(SimpleNamespace(connector=connector)):
        assert key_of_login() is None


def test_a_login_anew_is_by_a_connection_of_its_own_and_by_that_key_alone(login: Login) -> None:
    log_in_anew("ops-hypha-1")
    (anew,) = login.made
    assert anew is not login and login.said == []
    assert anew.said == ["sudo -n true", "closed"]
    assert anew.transport.keepalive == KEEPALIVE_SECONDS, "it notices a host that falls silent"
    assert anew.data == {
        "ssh_user": "ops-hypha-1",
        "ssh_paramiko_connect_kwargs": {
            "banner_timeout": 9,
            "pkey": KEY,
            "allow_agent": False,
            "look_for_keys": False,
        },
    }
    assert login.data["ssh_user"] == "debian"


def test_a_login_without_sudo_is_none(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Login.__init__, "__defaults__", (None, None, False))
    with pytest.raises(PermissionError, match="ops-hypha-1 may not use sudo"):
        log_in_anew("ops-hypha-1")
    assert login.made[0].said[-1] == "closed"


def test_another_machine_is_no_proof(login: Login) -> None:
    login.host_key = b"another"
    with pytest.raises(ConnectionError, match=r"another machine answers at 10\.66\.0\.41"):
        log_in_anew("ops-hypha-1", "10.66.0.41")
    (anew,) = login.made
    assert anew.data["ssh_hostname"] == "10.66.0.41"
    assert anew.said == ["closed"]
