"""A homeserver of Matrix at the lab's gateway, as far as a program writes there: it keeps all.

What comes twice under one transaction is one event:
https://spec.matrix.org/v1.11/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from lab.env import TOKEN
from lab.hosts import GATEWAY

PORT = 8008
ROOM = "!alerts:lab.test"


class Homeserver:
    """by: each message by its transaction; asked: how often one came; broken: answers get lost"""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.by: dict[str, str] = {}
        self.asked = 0
        self.broken = False

    @property
    def said(self) -> list[str]:
        return [*self.by.values()]


class _Handler(BaseHTTPRequestHandler):
    kept: Homeserver

    def do_PUT(self) -> None:
        kept = self.kept
        kept.asked += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        place, _, transaction = unquote(self.path).rpartition("/")
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._answer(401, {"errcode": "M_UNKNOWN_TOKEN"})
        elif place != f"/_matrix/client/v3/rooms/{ROOM}/send/m.room.message":
            self._answer(403, {"errcode": "M_FORBIDDEN"})
        else:
            kept.by.setdefault(transaction, body["body"])
            # Kept, and the sender does not hear of it.
            self._answer(502 if kept.broken else 200, {"event_id": transaction})

    def _answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def homeserver() -> Iterator[Homeserver]:
    kept = Homeserver()
    handler = type("Its", (_Handler,), {"kept": kept})
    with ThreadingHTTPServer((GATEWAY, PORT), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield kept
        server.shutdown()
