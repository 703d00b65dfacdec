"""A BBB server on loopback with just what balancers ask: meetings in memory, and faults."""

import hashlib
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

Server = TypeVar("Server", bound=ThreadingHTTPServer)


class Node(ThreadingHTTPServer):
    """people: by meetingID, how many are there; age: seconds since such a meeting was created.

    ended: the meetingIDs of all `end` calls. fault: "" or "down", which answers no XML.
    """

    daemon_threads = True

    def __init__(self, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = secret
        self.people: dict[str, int] = {}
        self.age: dict[str, float] = {}
        self.internal: dict[str, str] = {}
        self.ended: list[str] = []
        self.polls = 0
        self.fault = ""
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/bigbluebutton/api"

    def speaks_tls(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.scheme = "https"

    def begin(self, meeting: str, people: int = 0, age: float = 0.0) -> None:
        self.people[meeting], self.age[meeting] = people, age
        self.internal[meeting] = uuid4().hex

    def answer(self, action: str, query: dict[str, str]) -> str:
        meeting = query.get("meetingID", "")
        if action == "create":
            if meeting not in self.people:
                self.begin(meeting)
            return f"<meetingID>{meeting}</meetingID>" + (
                f"<internalMeetingID>{self.internal[meeting]}</internalMeetingID>"
            )
        if action == "getMeetings":
            self.polls += 1
            return "<meetings>" + "".join(map(self._shown, self.people)) + "</meetings>"
        if meeting not in self.people:
            return ""
        if action == "end":
            self.ended.append(meeting)
            del self.people[meeting]
            return "<messageKey>sentEndMeetingRequest</messageKey>"
        return f"<meetingID>{meeting}</meetingID>"

    def _shown(self, meeting: str) -> str:
        created = int((time.time() - self.age[meeting]) * 1000)
        return (
            f"<meeting><meetingID>{meeting}</meetingID>"
            f"<internalMeetingID>{self.internal[meeting]}</internalMeetingID>"
            f"<participantCount>{self.people[meeting]}</participantCount>"
            f"<moderatorCount>0</moderatorCount><createTime>{created}</createTime>"
            "<endTime>0</endTime><isBreakout>false</isBreakout></meeting>"
        )


class _Handler(BaseHTTPRequestHandler):
    server: Node

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        action, query = parts.path.rpartition("/")[2], dict(parse_qsl(parts.query))
        signed = parts.query.rpartition("&checksum=")[0] if "&" in parts.query else ""
        digests = {64: hashlib.sha256, 128: hashlib.sha512, 40: hashlib.sha1}
        given = query.get("checksum", "")
        digest = digests.get(len(given), hashlib.sha256)
        if self.server.fault:
            self._send(502, "<html>Bad Gateway")
        elif digest(f"{action}{signed}{self.server.secret}".encode()).hexdigest() != given:
            self._fail("checksumError")
        elif answer := self.server.answer(action, query):
            self._send(200, f"<response><returncode>SUCCESS</returncode>{answer}</response>")
        else:
            self._fail("notFound")

    do_POST = do_GET

    def _fail(self, key: str) -> None:
        texts = f"<messageKey>{key}</messageKey><message>No.</message>"
        self._send(200, f"<response><returncode>FAILED</returncode>{texts}</response>")

    def _send(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """The server in a thread of its own, until the end of the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
