"""One HTTP question to an address of the node itself, with one limit of time for all of it.

Python's urllib has a limit for each read only: a server that sends a byte now and then would keep
it for ever. And it would follow redirects, and ask a proxy of the environment.
"""

import http.client
import io
import socket
import ssl
import time
from dataclasses import dataclass

from programs.bbb.failed import Failed


@dataclass(frozen=True)
class Server:
    """name: of the host, in the question and for TLS; tls: without a look at the certificate"""

    address: str
    port: int
    name: str | None = None
    tls: bool = False

    @property
    def host(self) -> str:
        return self.name or (f"[{self.address}]" if ":" in self.address else self.address)


class _Told(io.BytesIO):
    """What a server has sent, as http.client wants to have it."""

    def makefile(self, *_: object) -> "_Told":
        return self


def fetch(server: Server, path: str, seconds: float, most: int) -> tuple[int, bytes]:
    """GET the path; returns status and body, of `most` bytes at most.

    Raises TimeoutError, OSError (nobody answers), Failed (what came is no HTTP, or too much).
    """
    end = time.monotonic() + seconds
    question = (
        f"GET {path} HTTP/1.1\r\nHost: {server.host}\r\nConnection: close\r\nAccept: */*\r\n\r\n"
    )
    with socket.create_connection((server.address, server.port), timeout=seconds) as plain:
        tls = server.tls
        connection = _unseen().wrap_socket(plain, server_hostname=server.name) if tls else plain
        with connection:
            connection.sendall(question.encode())
            return _read(_all(connection, end, most), most)


def certificate(server: Server, seconds: float) -> bytes:
    """The certificate that is served, as DER. Raises OSError."""
    address = (server.address, server.port)
    with (
        socket.create_connection(address, timeout=seconds) as plain,
        _unseen().wrap_socket(plain, server_hostname=server.name) as it,
    ):
        return it.getpeercert(binary_form=True) or b""


def _unseen() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _all(connection: socket.socket, end: float, most: int) -> bytes:
    data = b""
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        chunk = connection.recv(65536)
        if not chunk:
            return data
        data += chunk
        # The headers have some room of their own.
        if len(data) > most + 65536:
            raise Failed(f"the answer has more than {most} bytes")


def _read(data: bytes, most: int) -> tuple[int, bytes]:
    if not data:
        raise OSError(0, "broke off without an answer")
    response = http.client.HTTPResponse(_Told(data))  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read(most + 1)
    except http.client.HTTPException as error:
        raise Failed(f"the answer is no whole HTTP: {type(error).__name__}") from None
    if len(body) > most:
        raise Failed(f"the answer has more than {most} bytes")
    # read(n) does not say that less came than was announced.
    if response.length:
        raise Failed("the answer broke off")
    return response.status, body
