"""TLS before a node, as haproxy gives it: bbblb goes to no node without."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.unit.lab.bbb.node import LOOPBACK


def certificate(directory: Path) -> Path:
    """A certificate of the loopback address with its key, in one file, signed by itself."""
    file = directory / "node.pem"
    key, own = directory / "node.key", directory / "node.crt"
    words = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", "/CN=lab", "-addext", f"subjectAltName=IP:{LOOPBACK}"),
        *("-keyout", str(key), "-out", str(own)),
    ]
    subprocess.run(words, check=True, capture_output=True)
    file.write_text(own.read_text() + key.read_text())
    return file


@contextmanager
def tls(file: Path, port: int) -> Iterator[int]:
    """Pass connections on to this port during the block; gives the port for TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server((LOOPBACK, 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, port), daemon=True).start()
        yield int(listener.getsockname()[1])
        # A close alone leaves a thread that accepts where it is.
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_serve, args=(plain, context, port), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """One request a connection: the node closes after its answer, which may never end."""
    with (
        suppress(OSError),
        plain,
        context.wrap_socket(plain, server_side=True) as client,
        socket.create_connection((LOOPBACK, port)) as node,
    ):
        node.sendall(_request(client))
        while data := node.recv(65536):
            client.sendall(data)


def _request(client: ssl.SSLSocket) -> bytes:
    """The head of a request; the node needs no more of a GET."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return data
        data += more
    return data
