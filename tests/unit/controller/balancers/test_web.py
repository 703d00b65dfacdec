"""A question to a balancer: verified, whole, in time, and not led elsewhere."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.balancers import web
from controller.balancers.interface import BalancerError, host_of
from controller.balancers.web import ask, checked_base
from tests.unit.bbb_node_here import Node, serving
from tests.unit.lab.bbb import tls


@contextmanager
def raw(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server whose only answer is what `serve` sends."""

    def one() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            try:
                serve(connection)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=one, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"[")
        time.sleep(0.05)


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    begun = time.monotonic()
    with raw(drip) as base, pytest.raises(BalancerError, match="does not answer in time"):
        ask(base, "GET", "/", deadline=0.4)
    assert time.monotonic() - begun < 4


def test_silence_ends_at_the_deadline() -> None:
    with (
        raw(lambda it: time.sleep(1)) as base,
        pytest.raises(BalancerError, match="does not answer in time"),
    ):
        ask(base, "GET", "/", deadline=0.2)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n[]",
        b"HTTP/1.0 200 OK\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    ],
)
def test_an_answer_that_is_not_whole_is_none(answer: bytes) -> None:
    with (
        raw(lambda it: it.sendall(answer)) as base,
        pytest.raises(BalancerError, match=r"is not whole|cannot be reached"),
    ):
        ask(base, "GET", "/")


def test_an_answer_without_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LARGEST", 10)
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11
    with (
        raw(lambda it: it.sendall(whole)) as base,
        pytest.raises(BalancerError, match="is not whole"),
    ):
        ask(base, "GET", "/")


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    text = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with raw(lambda it: it.sendall(text)) as base:
        assert ask(base, "GET", "/").status == 302


def test_nobody_there_is_told_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(BalancerError, match=r"cannot be reached.*; see that it runs"):
        ask(f"http://127.0.0.1:{port}", "GET", "/secret?checksum=abc")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tls.certificate(tmp_path_factory.mktemp("tls"))


def test_a_certificate_has_to_be_trusted(certificate: Path) -> None:
    node = Node("s" * 32)
    node.speaks_tls(certificate)
    with serving(node), pytest.raises(BalancerError, match="is not trusted"):
        ask(f"https://127.0.0.1:{node.server_address[1]}", "GET", "/")


def test_an_authority_of_one_s_own_is_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    node = Node("s" * 32)
    node.speaks_tls(certificate)
    with serving(node), pytest.raises(BalancerError, match="is not whole"):
        # The node answers as HTTP/1.0 without a length: so the handshake went well.
        ask(f"https://127.0.0.1:{node.server_address[1]}", "GET", "/")


def test_the_name_in_the_certificate_counts(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    node = Node("s" * 32)
    node.speaks_tls(certificate)
    monkeypatch.setattr(socket, "create_connection", _to(("127.0.0.1", node.server_address[1])))
    with serving(node), pytest.raises(BalancerError, match="is not trusted"):
        ask("https://lb.example.org", "GET", "/")


def _to(address: tuple[str, int]) -> Callable[..., socket.socket]:
    def connect(*_: object, **__: object) -> socket.socket:
        connection = socket.socket()
        connection.settimeout(5)
        connection.connect(address)
        return connection

    return connect


@pytest.mark.parametrize(
    "url",
    [
        "http://lb.example.org",
        "lb.example.org",
        "https://",
        "https://user:password@lb.example.org",
        "https://lb.example.org/scalelite/api",
        "https://lb.example.org?checksum=1",
        "https://lb.example.org:port",
        "ftp://lb.example.org",
    ],
)
def test_an_address_that_is_not_fit_is_refused(url: str) -> None:
    with pytest.raises(BalancerError, match="url") as raised:
        checked_base(url)
    assert "password" not in str(raised.value)


def test_an_address_may_end_with_a_slash() -> None:
    assert checked_base("https://lb.example.org/") == "https://lb.example.org"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://BBB1.Example.org/bigbluebutton/api", "bbb1.example.org"),
        ("https://bbb1.example.org:8443/", "bbb1.example.org"),
        ("bbb1.example.org:8443", "bbb1.example.org"),
        ("bbb1.example.org.", "bbb1.example.org"),
    ],
)
def test_a_server_has_one_name(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize("url", ["", "/api", "https:///api", "-nuke", "https://[", "a b", "--now"])
def test_what_names_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no host name"):
        host_of(url)
