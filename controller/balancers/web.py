"""One question to a balancer over HTTPS: verified, limited in time and size, not redirected."""

import socket
import ssl
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from threading import Event, Timer
from urllib.parse import urlsplit

from controller.balancers.interface import BalancerError

DEADLINE = 20.0
"""Seconds for the whole of a question and its answer."""

LARGEST = 4 * 1024 * 1024
"""Bytes that an answer may have: more than the records of ten thousand servers."""


@dataclass(frozen=True)
class Answer:
    """text holds secrets: not in repr, and not to be shown."""

    status: int
    text: str = field(repr=False)


def checked_base(url: str) -> str:
    """The balancer's address without a slash at its end. Raises BalancerError if it is not fit.

    http is for loopback alone, because questions and answers hold secrets.
    """
    remedy = "write the balancer's url as https://HOST, without a path, a user or a query"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BalancerError("the balancer's url cannot be read", remedy) from None
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise BalancerError("the balancer's url is not the address of a server", remedy)
    if parts.path.rstrip("/") or parts.scheme not in ("http", "https"):
        raise BalancerError("the balancer's url is not the address of a server", remedy)
    if parts.scheme == "http" and not _is_loopback(host):
        raise BalancerError("the balancer's url is not https, and secrets would be read", remedy)
    return url.rstrip("/")


def ask(base: str, method: str, path: str, *, body: str = "", deadline: float = DEADLINE) -> Answer:
    """The balancer's answer, whatever its status.

    base: as checked_base gives it; path: begins with /, and may have a query; body: JSON or ""
    The authorities are this machine's, or those of the file in SSL_CERT_FILE (OpenSSL).
    Raises BalancerError if there is no whole answer. No message shows path, body or answer.
    """
    parts = urlsplit(base)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, deadline)
    # A time limit for each read alone lets an answer that drips take for ever.
    late = Event()
    end = Timer(deadline, _cut, [connection, late])
    end.daemon = True
    end.start()
    try:
        headers = {"Accept": "application/json", "Connection": "close"}
        if body:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, body=body.encode() or None, headers=headers)
        answer = connection.getresponse()
        raw = answer.read(LARGEST + 1)
        # http.client tells nothing of an answer that breaks off, or has no length announced.
        unannounced = answer.length is None and not answer.chunked
        if len(raw) > LARGEST or unannounced or answer.length:
            raise HTTPException
        return Answer(answer.status, raw.decode("utf-8"))
    except (OSError, HTTPException, UnicodeError) as error:
        raise _told(base, error, late=late.is_set()) from None
    finally:
        end.cancel()
        connection.close()


def _connection(scheme: str, host: str, port: int | None, timeout: float) -> HTTPConnection:
    if scheme == "https":
        return HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
    return HTTPConnection(host, port, timeout=timeout)


def _cut(connection: HTTPConnection, late: Event) -> None:
    # Before the cut: with gevent, as in a run of pyinfra's, the other side goes on at once.
    late.set()
    try:
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _told(base: str, error: Exception, *, late: bool) -> BalancerError:
    if late or isinstance(error, TimeoutError):
        return BalancerError(
            f"the balancer at {base} does not answer in time",
            "see that it runs and is not overloaded, then run again",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return BalancerError(
            f"the certificate of the balancer at {base} is not trusted: {error.verify_message}",
            "renew it, or see that this is the right machine",
        )
    if isinstance(error, OSError) and not isinstance(error, HTTPException):
        return BalancerError(
            f"the balancer at {base} cannot be reached: {error.strerror or type(error).__name__}",
            "see that it runs, and that its url is right",
        )
    return BalancerError(
        f"the answer of the balancer at {base} is not whole",
        "look at its log and at what stands in front of it, then run again",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
