"""The stand-in's HTTP server: checksums, and which of the two APIs a call is for."""

import hashlib
import hmac
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from lab.bbb.scalelite.admin import Admin, read_body
from lab.bbb.scalelite.front import Front, as_text, failed
from lab.bbb.scalelite.node import NodeError
from lab.bbb.scalelite.poller import Pace
from lab.bbb.scalelite.records import Records

DIGESTS = {40: hashlib.sha1, 64: hashlib.sha256, 128: hashlib.sha512}


class Scalelite(ThreadingHTTPServer):
    """address: host and port, 0 for a free one; secret: LOADBALANCER_SECRET."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], secret: str, records: Records, pace: Pace) -> None:
        super().__init__(address, _Handler)
        timeout = max(pace.timeout * pace.second, 0.5)
        self.secret = secret
        self.admin, self.front = Admin(records, timeout), Front(records, timeout)


class _Handler(BaseHTTPRequestHandler):
    server: Scalelite
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        root, _, action = parts.path.rpartition("/")
        try:
            if root not in ("/scalelite/api", "/bigbluebutton/api"):
                raise NodeError("unsupportedRequest", "This request is not supported.")
            self._check(action, parts.query)
            query = {key: it for key, it in parse_qsl(parts.query) if key != "checksum"}
            if root == "/scalelite/api":
                self._administer(action, query, body)
            else:
                self._serve(action, query)
        except NodeError as error:
            self._send(200, as_text(failed(error)), "application/xml")

    def _check(self, action: str, query: str) -> None:
        """ApiHelper#verify_checksum: over the action and the query, whatever the body says."""
        given = dict(parse_qsl(query)).get("checksum", "")
        signed = re.sub(f"&checksum={given}|checksum={given}&|checksum={given}", "", query)
        digest = DIGESTS.get(len(given))
        right = digest and digest(f"{action}{signed}{self.server.secret}".encode()).hexdigest()
        if not right or not hmac.compare_digest(right, given):
            raise NodeError("checksumError", "You did not pass the checksum security check")

    def _administer(self, action: str, query: dict[str, str], body: bytes) -> None:
        if body and self.headers.get("Content-Type") != "application/json":
            raise NodeError("unsupportedContentType", "The content type is not supported.")
        try:
            values = {**query, **read_body(body)}
            status, answer = self.server.admin.answer(self.command, action, values)
        except (KeyError, ValueError):
            raise NodeError("unsupportedRequest", "This request is not supported.") from None
        self._send(status, json.dumps(answer).encode(), "application/json")

    def _serve(self, action: str, query: dict[str, str]) -> None:
        if action not in self.server.front.actions:
            raise NodeError("unsupportedRequest", "This request is not supported.")
        if action != "getMeetings" and "meetingID" not in query:
            raise NodeError("missingParamMeetingID", "You must specify a meeting ID.")
        answer = self.server.front.answer(action, query)
        if isinstance(answer, str):
            self.send_response(302)
            self.send_header("Location", answer)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._send(200, as_text(answer), "application/xml")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a query has a checksum, which is as good as the secret for that call."""
