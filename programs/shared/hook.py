"""Takes what Alertmanager sends by HTTP, and shows metrics.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

import json
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from programs.shared.messages import NotSent

LARGEST = 1 << 20
"""Bytes of a message of Alertmanager's: an alert has a few hundred."""


class _Handler(BaseHTTPRequestHandler):
    """POST what Alertmanager sends, GET /metrics."""

    take: Callable[[Any], None]
    show: Callable[[], str]
    # Whoever says nothing is not waited for.
    timeout = 10.0

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            self.send_error(413)
            return
        try:
            type(self).take(json.loads(self.rfile.read(int(length))))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            self.send_error(400)
        except NotSent as error:
            print(f"not sent: {error}", file=sys.stderr, flush=True)
            # Alertmanager tries again.
            self.send_error(503)
        else:
            self.send_response(204)
            self.end_headers()

    def do_GET(self) -> None:
        if self.path != "/metrics":
            self.send_error(404)
            return
        text = type(self).show().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: each minute of each monitor would be a line."""


def server(
    address: str, port: int, take: Callable[[Any], None], show: Callable[[], str]
) -> ThreadingHTTPServer:
    """A server that is to be served.

    take: gets each message; what it raises as NotSent makes Alertmanager send the message again
    show: gives the metrics, as in programs.shared.exposition
    """
    values = {"take": staticmethod(take), "show": staticmethod(show)}
    return ThreadingHTTPServer((address, port), type("Handler", (_Handler,), values))
