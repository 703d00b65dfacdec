"""Mail and Matrix, to real servers of SMTP and HTTP on loopback."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from programs.shared.messages import Mail, Matrix, NotSent

TO = ("ops-hypha-1@example.org", "ops-meet-1@example.org")


class Kept:
    """Takes mail for all but those to be refused."""

    def __init__(self, refused: tuple[str, ...] = ()) -> None:
        self.refused = refused
        self.all: list[tuple[list[str], str, str]] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list[str]
    ) -> str:
        if to in self.refused:
            return f"550 {to} has moved"
        envelope.rcpt_tos.append(to)
        return "250 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        found = message_from_bytes(envelope.content, policy=policy.default)
        body = found.get_body()
        assert body is not None
        self.all.append(
            (
                [*map(str, envelope.rcpt_tos)],
                found["subject"],
                body.get_content().replace("\r\n", "\n"),
            )
        )
        return "250 kept"


@contextmanager
def smtp(kept: Kept, **options: Any) -> Iterator[Mail]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(kept, hostname="127.0.0.1", port=port, **options)
    server.start()
    try:
        yield Mail("127.0.0.1", port, "watcher@example.org", "", "", False, TO)
    finally:
        server.stop()


def test_a_mail_reaches_all() -> None:
    kept = Kept()
    with smtp(kept) as mail:
        mail.check()
        assert kept.all == []
        mail.send("CRITICAL: monitor1\nBcc: x@example.org", "It is silent: 5 µs.\n")
    assert kept.all == [([*TO], "CRITICAL: monitor1 Bcc: x@example.org", "It is silent: 5 µs.\n")]


def test_one_that_is_refused_takes_no_mail_from_the_others() -> None:
    kept = Kept(TO[:1])
    with smtp(kept) as mail:
        assert mail.send("CRITICAL: monitor1", "It is silent.") == 1
        with pytest.raises(NotSent, match="refuses 1 of 2 recipients") as found:
            mail.check()
    assert [it[0] for it in kept.all] == [[*TO[1:]]]
    assert "@" not in str(found.value)


def test_where_all_are_refused_nothing_was_sent() -> None:
    kept = Kept(TO)
    with smtp(kept) as mail, pytest.raises(NotSent, match="refuses all recipients") as found:
        mail.send("CRITICAL: monitor1", "It is silent.")
    assert "@" not in str(found.value) and kept.all == []


def test_what_a_server_says_to_a_goodbye_is_nothing_about_the_mail() -> None:
    kept = Kept()

    async def handle_quit(server: SMTP, session: Session, envelope: Envelope) -> str:
        return "421 closing"

    kept.handle_QUIT = handle_quit  # type: ignore[attr-defined]
    with smtp(kept) as mail:
        assert mail.send("x", "y") == 0
        mail.check()
    assert len(kept.all) == 1


def test_a_password_that_no_server_could_take_is_told_and_not_shown() -> None:
    def login(
        server: SMTP, session: Session, envelope: Envelope, way: str, data: Any
    ) -> AuthResult:
        return AuthResult(success=True)

    with smtp(Kept(), authenticator=login, auth_require_tls=False) as mail:
        umlaut = Mail(mail.host, mail.port, mail.sender, "user", "gehäim", False, TO)
        with pytest.raises(NotSent, match="character that the server cannot take") as found:
            umlaut.check()
    assert "geh" not in str(found.value)


def test_a_server_without_tls_gets_no_password() -> None:
    seen: list[LoginPassword] = []

    def login(
        server: SMTP, session: Session, envelope: Envelope, way: str, data: Any
    ) -> AuthResult:
        seen.append(data)
        return AuthResult(success=True)

    with smtp(Kept(), authenticator=login, auth_require_tls=False) as mail:
        safe = Mail(mail.host, mail.port, mail.sender, "user", "a password", True, TO)
        with pytest.raises(NotSent):
            safe.check()
    assert seen == []


def test_a_server_that_is_away_is_told() -> None:
    with smtp(Kept()) as mail:
        pass
    with pytest.raises(NotSent, match="refused"):
        mail.send("x", "y")


class Homeserver(BaseHTTPRequestHandler):
    """Takes messages of one account, each transaction once; is busy when it should be."""

    said: dict[str, str]
    busy: list[int]

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != "Bearer a-token":
            self._answer(401, {"errcode": "M_UNKNOWN_TOKEN"})
        elif self.busy:
            self._answer(self.busy.pop(), {"errcode": "M_LIMIT_EXCEEDED"})
        else:
            self.said.setdefault(self.path, body["body"])
            self._answer(200, {"event_id": "$1"})

    def _answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def homeserver(*busy: int) -> Iterator[tuple[Matrix, dict[str, str]]]:
    said: dict[str, str] = {}
    handler = type("Its", (Homeserver,), {"said": said, "busy": [*busy]})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Matrix(f"http://127.0.0.1:{server.server_port}", "!ops:example.org", "a-token"), said
        server.shutdown()


def test_a_message_under_one_key_comes_once() -> None:
    with homeserver(429) as (matrix, said):
        with pytest.raises(NotSent, match="429"):
            matrix.send("It is silent.", "a")
        matrix.send("It is silent.", "a")
        matrix.send("It is silent.", "a")
        matrix.send("It is silent.", "b")
    assert [*said.values()] == ["It is silent."] * 2
    assert all("/rooms/%21ops%3Aexample.org/send/m.room.message/" in it for it in said)


def test_a_wrong_token_is_told_and_not_shown() -> None:
    with homeserver() as (matrix, said):
        with pytest.raises(NotSent, match="401") as found:
            Matrix(matrix.homeserver, matrix.room, "wrong-token").send("x", "a")
        assert "wrong-token" not in str(found.value)
    assert said == {}
