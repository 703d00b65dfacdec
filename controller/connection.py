"""The SSH connection that pyinfra opens: quick, and sure to end; whose key opened it."""

import socket
from collections.abc import Callable
from typing import Any

from paramiko import SSHException
from pyinfra import host
from pyinfra.api import StringCommand

from engine.connection import LOST, transport

KEEPALIVE_SECONDS = 15
# How long the host may acknowledge nothing before the connection counts as dead.
SILENCE_SECONDS = 60


def tune() -> None:
    """Send each command at once, and notice a host that went away.

    paramiko leaves Nagle's algorithm on, so each command waits some 40 ms for the acknowledgement
    of the command before. paramiko waits for ever for a host that was reset, unless it sends
    something meanwhile. If the host is silent, TCP waits for a quarter of an hour: tcp(7).
    """
    if used := transport(host.connector):
        _tune(used)


def _tune(used: Any) -> None:
    # Through a jump host this is not a socket, but a channel of another connection.
    if hasattr(used.sock, "setsockopt"):
        used.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # macOS does not have this option.
        if silence := getattr(socket, "TCP_USER_TIMEOUT", None):
            used.sock.setsockopt(socket.IPPROTO_TCP, silence, SILENCE_SECONDS * 1000)
    used.set_keepalive(KEEPALIVE_SECONDS)
    used.open_session = _loud(used.open_session)


def _loud(open_session: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, but a lost connection fails this host, and not the whole run."""

    def opened(*arguments: Any, **options: Any) -> Any:
        try:
            return open_session(*arguments, **options)
        except EOFError:
            # paramiko raises this, but pyinfra expects only OSError and SSHException.
            raise SSHException(LOST) from None

    return opened


def key_of_login() -> str | None:
    """The public key of this run's login to the host, as "kind base64"; None without a key."""
    key = _private_key()
    return f"{key.get_name()} {key.get_base64()}" if key else None


def log_in_anew(user: str, address: str | None = None) -> None:
    """Log in to the host as this user, by the key of the present login, and use sudo there.

    address: by default that of the present login

    The login opens a connection of its own, because an open connection goes on even if new logins
    are forbidden. Raises an exception if login or sudo fails, or if another machine answers.
    """
    used = host.connector
    anew = type(used)(used.state, used.host)
    only = {"pkey": _private_key(), "allow_agent": False, "look_for_keys": False}
    options = {**(used.data["ssh_paramiko_connect_kwargs"] or {}), **only}
    anew.data = {**used.data, "ssh_user": user, "ssh_paramiko_connect_kwargs": options}
    if address:
        anew.data["ssh_hostname"] = address
    anew.connect()
    try:
        _tune(transport(anew))
        if _host_key(anew) != _host_key(used):
            where = anew.data["ssh_hostname"] or host.name
            raise ConnectionError(f"another machine answers at {where}")
        command = StringCommand("sudo -n true")
        ok, output = anew.run_shell_command(command, _timeout=SILENCE_SECONDS)
        if not ok:
            raise PermissionError(f"{user} may not use sudo: {output.stderr}")
    finally:
        anew.client.close()


def _private_key() -> Any:
    used = transport(host.connector)
    return getattr(used.auth_handler, "private_key", None) if used else None


def _host_key(connector: Any) -> bytes:
    key: bytes = transport(connector).get_remote_server_key().asbytes()
    return key
