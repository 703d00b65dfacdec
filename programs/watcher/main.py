"""Hears monitors by HTTP, shows metrics, and looks each few seconds who is silent."""

import sys
import threading
from typing import Any

from programs.shared.arguments import settings_and_secrets
from programs.shared.exposition import exposition, labels
from programs.shared.hook import server
from programs.watcher import Settings, settings_of
from programs.watcher.watch import Watch

EVERY_SECONDS = 10.0

MEANINGS = {
    "coop_watcher_silence_seconds": "For how long the monitor was not heard of.",
    "coop_watcher_mail_usable": "Whether the mail server let the watcher in: 1 or 0.",
}


def watched(message: Any) -> list[str]:
    """The monitors whose Watchdog fires, by what Alertmanager sends."""
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
    serve(settings_of(*settings_and_secrets()), threading.Event())


def serve(settings: Settings, end: threading.Event) -> None:
    """Until the event."""
    watch = Watch(settings)

    def take(message: Any) -> None:
        watch.hear(watched(message))

    with server(settings.address, settings.port, take, lambda: metrics(watch)) as its:
        threading.Thread(target=its.serve_forever, daemon=True).start()
        while not end.wait(EVERY_SECONDS):
            try:
                watch.look()
            except Exception as error:
                # A watcher that ends and starts anew hears no silence: it goes on, and is told of.
                print(f"{type(error).__name__} while looking", file=sys.stderr, flush=True)
                watch.usable = False
        its.shutdown()
