"""Hears monitors by HTTP, shows metrics, and looks each few seconds who is silent."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from programs.shared.exposition import exposition, labels
from programs.watcher import Settings, settings_of
from programs.watcher.watch import Watch

EVERY_SECONDS = 10.0
LARGEST = 1 << 16
"""Bytes of a message of Alertmanager's: one alert, a few hundred."""

MEANINGS = {
    "coop_watcher_silence_seconds": "For how long the monitor was not heard of.",
    "coop_watcher_mail_usable": "Whether the mail server let the watcher in: 1 or 0.",
}


class Handler(BaseHTTPRequestHandler):
    """POST what Alertmanager sends, GET /metrics."""

    watch: Watch
    # Whoever says nothing is not waited for.
    timeout = 10.0

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            self.send_error(413)
            return
        try:
            self.watch.hear(watched(json.loads(self.rfile.read(int(length)))))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            self.send_error(400)
            return
        self.send_response(204)
        self.end_headers()

    def do_GET(self) -> None:
        if self.path != "/metrics":
            self.send_error(404)
            return
        text = metrics(self.watch).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: each minute of each monitor would be a line."""


def watched(message: Any) -> list[str]:
    """The monitors whose Watchdog fires, by what Alertmanager sends.

    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """
    return [
        it["labels"]["watched"]
        for it in message["alerts"]
        if it["status"] == "firing" and it["labels"]["alertname"] == "Watchdog"
    ]


def metrics(watch: Watch) -> str:
    silences = {labels(monitor=it): int(value) for it, value in watch.silences().items()}
    found = {
        "coop_watcher_silence_seconds": silences,
        "coop_watcher_mail_usable": {"": int(watch.usable)},
    }
    return exposition({name: (MEANINGS[name], its) for name, its in found.items()})


def start() -> None:
    """Run the program with the arguments of its command line."""
    match sys.argv[1:]:
        case [told, secrets]:
            read = (json.loads(Path(it).read_text()) for it in (told, secrets))
            serve(settings_of(*read), threading.Event())
        case _:
            sys.exit("say SETTINGS SECRETS")


def serve(settings: Settings, end: threading.Event) -> None:
    """Until the event."""
    watch = Watch(settings)
    handler = type("Its", (Handler,), {"watch": watch})
    with ThreadingHTTPServer((settings.address, settings.port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        while not end.wait(EVERY_SECONDS):
            watch.look()
        server.shutdown()
