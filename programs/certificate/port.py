"""What the web server's port shows: the certificate, as anybody gets it."""

import socket
import ssl
from http.client import HTTPConnection

from programs.certificate import Failed
from programs.certificate.pem import Certificate, certificate

HERE = "127.0.0.1"
HTTPS, HTTP = 443, 80
SECONDS = 10


def served(name: str) -> Certificate:
    """The certificate that the port shows to whoever asks for this name. Raises Failed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Whatever is shown has to be seen, also if nobody would trust it.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((HERE, HTTPS), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as tls,
        ):
            der = tls.getpeercert(binary_form=True)
    except OSError as error:
        raise Failed(f"port {HTTPS} shows no certificate for {name}: {error}") from None
    if der is None:
        raise Failed(f"port {HTTPS} shows no certificate for {name}")
    return certificate(ssl.DER_cert_to_PEM_cert(der))


def answer(name: str, path: str) -> tuple[int, bytes]:
    """The status and the content of a page of this name on port 80. Raises Failed."""
    connection = HTTPConnection(HERE, HTTP, timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Host": name})
        page = connection.getresponse()
        return page.status, page.read(4096)
    except Exception as error:
        raise Failed(f"nothing answers on port {HTTP} of this host: {error}") from None
    finally:
        connection.close()
