"""What a person's browser finds: a real TLS server in the place of a node."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from controller.roll import outside


def failed(key: str) -> str:
    return f"<response><returncode>FAILED</returncode><messageKey>{key}</messageKey></response>"


ANSWERS = {
    "open": failed("checksumError"),
    "closed": failed("maintenance"),
    "proxy": "<html><body>502 Bad Gateway</body></html>",
    "no XML": "hello",
    "entities": '<!DOCTYPE x [<!ENTITY a "a">]><response><messageKey>&a;</messageKey></response>',
}


class Site:
    body = ""
    names: list[str] = []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "node.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other.example",
         "-keyout", file, "-out", f"{file}.crt", "-days", "1"],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@pytest.fixture
def site(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    found = Site()
    found.names = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.names.append(f"{self.headers['Host']}{self.path}")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(found.body.encode())

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setattr(outside, "PORT", server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def why(site: Site, answer: str) -> str:
    site.body = ANSWERS[answer]
    return outside.why_shut("127.0.0.1", "bbb2.example.org")


def test_a_node_whose_api_refuses_a_call_without_a_signature_is_open(site: Site) -> None:
    assert why(site, "open") == ""
    assert site.names == ["bbb2.example.org/bigbluebutton/api/create"]


def test_a_gate_that_is_closed_is_seen(site: Site) -> None:
    assert "its gate is closed" in why(site, "closed")


@pytest.mark.parametrize("answer", ["proxy", "no XML", "entities"])
def test_anything_else_is_no_node_that_takes_meetings(site: Site, answer: str) -> None:
    assert "not as BigBlueButton" in why(site, answer)


def test_a_node_that_does_not_answer_is_shut(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens at port 1 (tcpmux).
    monkeypatch.setattr(outside, "PORT", 1)
    assert "does not answer" in outside.why_shut("127.0.0.1", "bbb2.example.org")
