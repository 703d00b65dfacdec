"""This machine in the place of a host with a certificate: real openssl, TLS and HTTP on loopback.

A web server reads the bundle, and reads it anew when it is told to reload. certbot and systemctl
are stand-ins.
"""

import grp
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from programs.certificate import Settings, acme, main, port
from tests.unit.operation_harness import Shell

NAME = "board.example.org"
DIRECTORY = "https://acme.example.org/directory"
DAY = 86400
DEBUG = "Saving debug log to /var/log/letsencrypt/letsencrypt.log"


class Host:
    """directory: where all of the host's files are; shell: with the stand-ins"""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        for name in ("own", "bundles", "letsencrypt/live", "letsencrypt/renewal", "made"):
            (directory / name).mkdir(parents=True)
        (directory / "web" / acme.CHALLENGES).mkdir(parents=True)
        self.settings: Settings = {
            "name": NAME,
            "source": "acme",
            "unit": "web.service",
            "group": grp.getgrgid(os.getgid()).gr_name,
            "bundle": str(directory / "bundles" / f"{NAME}.pem"),
            "own": str(directory / "own"),
            "webroot": str(directory / "web"),
            "directory": DIRECTORY,
            "email": "",
            "ca": "",
            "metrics": str(directory / "certificate.prom"),
        }
        self.shell = Shell(directory)
        monkeypatch.setenv("PATH", self.shell.path)
        monkeypatch.setattr(acme, "LIVE", directory / "letsencrypt/live")
        monkeypatch.setattr(acme, "RENEWAL", directory / "letsencrypt/renewal")
        monkeypatch.setattr(main, "LOCK", directory / "lock")
        # DNS knows this one name, and the ACME server is nowhere.
        known = socket.getaddrinfo

        def found(name: str, *more: Any, **options: Any) -> Any:
            if not name.endswith(".example.org"):
                return known(name, *more, **options)
            if name != NAME:
                raise socket.gaierror("Name or service not known")
            return []

        monkeypatch.setattr(socket, "getaddrinfo", found)
        monkeypatch.setattr(acme, "_clock", lambda _: None)
        self.certbot()
        self.shell.stand_in(
            "systemctl",
            f'[ "$1" = is-active ] && [ -e {directory}/stopped ] && exit 3\n'
            f'[ "$1" = reload ] && [ -e {directory}/refuses ] && {{ echo bad >&2; exit 1; }}\n'
            f'[ "$1" = reload ] && touch {directory}/reload; exit 0',
        )

    @property
    def bundle(self) -> Path:
        return Path(self.settings["bundle"])

    @property
    def own(self) -> Path:
        return self.directory / "own"

    def certbot(self, server: str = DIRECTORY) -> None:
        """certbot gets the certificate that is in `made`."""
        live = f"{self.directory}/letsencrypt/live/{NAME}"
        renewal = f"{self.directory}/letsencrypt/renewal/{NAME}.conf"
        self.shell.stand_in(
            "certbot",
            f"mkdir -p {live}; cp {self.directory}/made/*.pem {live}\n"
            f"echo 'server = {server}' > {renewal}",
        )

    def certbot_fails(self, said: str) -> None:
        self.shell.stand_in("certbot", f"cat <<'END'\n{said}\nEND\necho {DEBUG} >&2; exit 1")

    def make(self, where: str = "made", name: str = NAME, days: int = 90) -> str:
        """Make a certificate and its key in a directory; returns the certificate."""
        place = self.directory / where
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", "-newkey", "ec"),
                *("-pkeyopt", "ec_paramgen_curve:P-256", "-days", str(days), "-subj", "/CN=x"),
                *("-addext", f"subjectAltName=DNS:{name},DNS:*.wild.example.org"),
                *("-keyout", str(place / "privkey.pem"), "-out", str(place / "fullchain.pem")),
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        return (place / "fullchain.pem").read_text()

    def calls(self, program: str) -> list[str]:
        return [it for it in self.shell.calls if it.startswith(program)]


class Server(Thread):
    """Shows the bundle by TLS, as it was when the server was last told to reload."""

    def __init__(self, host: Host) -> None:
        super().__init__(daemon=True)
        self._host, self._end = host, Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.context.load_cert_chain(host.bundle)

    def run(self) -> None:
        reload = self._host.directory / "reload"
        while not self._end.is_set():
            plain, _ = self._socket.accept()
            if reload.exists():
                reload.unlink()
                self.context.load_cert_chain(self._host.bundle)
            with suppress(OSError), self.context.wrap_socket(plain, server_side=True) as tls:
                tls.recv(1)

    def close(self) -> None:
        self._end.set()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass
        self.join(10)
        self._socket.close()


@contextmanager
def serving(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """While the web server runs, by TLS."""
    server = Server(host)
    server.start()
    monkeypatch.setattr(port, "HTTPS", server.port)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def on_port_80(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While the web server runs, by HTTP: it shows the challenges."""
    root = host.settings["webroot"]

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=root)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setattr(port, "HTTP", server.server_port)
        try:
            yield
        finally:
            server.shutdown()
            thread.join(10)
