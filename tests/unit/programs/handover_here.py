"""A monitor's program of hand-overs, with all whom it asks and tells."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from programs.handover import Settings, Turn, Ways
from programs.handover.main import main
from programs.shared.messages import Mail, Matrix, NotSent
from tests.unit.exposition import read

# 2026-11-27 15:00 UTC: 16:00 in Berlin, 10:00 in Toronto.
CHANGE = 1795791600
HOUR = 3600
TURNS = [
    Turn(CHANGE - 8 * HOUR, CHANGE, "collocall"),
    Turn(CHANGE, CHANGE + 16 * HOUR, "hypha"),
    Turn(CHANGE + 16 * HOUR, CHANGE + 24 * HOUR, "collocall"),
]


class Sent(Mail):
    """Keeps what is sent; refuses while it is away."""

    all: list[tuple[tuple[str, ...], str, str]] = []
    away = False

    def send(self, subject: str, text: str) -> int:
        if Sent.away:
            raise NotSent("no route")
        self.all.append((tuple(self.to), subject, text))
        return 0


class Monitor(BaseHTTPRequestHandler):
    """What Prometheus and Alertmanager answer."""

    told = 0
    more: list[dict[str, Any]] = []
    fired: dict[str, tuple[int, int]] = {}

    def do_GET(self) -> None:
        answers: dict[str, Any] = {
            "/api/v2/alerts": [
                alert("DiskFull", "bbb1", silenced=["s1"]),
                alert("HostDown", "bbb2"),
                *self.more,
                {**alert("Watchdog", ""), "labels": {"alertname": "Watchdog", "severity": "none"}},
            ],
            "/api/v2/silences": [
                {"id": "s1", "createdBy": "ops-meet-1", "endsAt": "2026-11-27T18:00:00.000Z",
                 "comment": "makes room"},
            ],
            "/api/v1/query": {"data": {"result": [{"value": [0, str(self.told)]}]}},
            "/api/v1/query_range": {"data": {"result": [
                _range("MountGone", "prod1", CHANGE - 3 * HOUR, CHANGE - 2 * HOUR),
                _range("HostDown", "bbb2", CHANGE - HOUR, CHANGE),
            ]}},
        }  # fmt: skip
        if self.fired and "query_range" in self.path:
            answers["/api/v1/query_range"]["data"]["result"] = [*self._points()]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answers[self.path.partition("?")[0]]).encode())

    def _points(self) -> Iterator[dict[str, Any]]:
        """As Prometheus: at each step from the start on, what fires then."""
        asked = parse_qs(urlsplit(self.path).query)
        start, end, step = (int(float(asked[it][0])) for it in ("start", "end", "step"))
        for name, (since, until) in self.fired.items():
            values = [[at, "1"] for at in range(start, end + 1, step) if since <= at < until]
            if values:
                yield {"metric": {"alertname": name, "host": "a"}, "values": values}

    def log_message(self, format: str, *args: Any) -> None:
        pass


def alert(name: str, host: str, silenced: Any = ()) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": "critical", "host": host},
        "annotations": {"summary": f"{host} is unwell"},
        "startsAt": "2026-11-27T14:00:00.123456789Z",
        "status": {"silencedBy": [*silenced]},
    }


def _range(name: str, host: str, since: int, until: int) -> dict[str, Any]:
    labels = {"alertname": name, "host": host}
    return {"metric": labels, "values": [[at, "1"] for at in range(since, until + 1, 60)]}


class Said(Matrix):
    """A room that is away for some tries."""

    away = 0
    said: list[str] = []

    def send(self, text: str, key: str) -> None:
        if Said.away:
            Said.away -= 1
            raise NotSent("HTTP Error 401")
        self.said.append(key)


MAIL = Sent("mail.example.org", 587, "a@example.org", "", "", True, ())
WAYS = Ways(MAIL, {"ops-meet-1": "m@example.org", "ops-hypha-1": "h@example.org"}, None)


@contextmanager
def at_a_monitor(directory: Path) -> Iterator[Settings]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Monitor) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield settings_for(directory, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


def settings_for(directory: Path, url: str) -> Settings:
    Sent.all, Sent.away = [], False
    return Settings(
        prometheus=url,
        alertmanager=url,
        metrics=str(directory / "a.prom"),
        state=str(directory / "told.json"),
        turns=TURNS,
        people={"collocall": ["ops-meet-1"], "hypha": ["ops-hypha-1"]},
        zones=["Europe/Berlin", "America/Toronto"],
        maintenance=[("storage1", CHANGE + HOUR, "new disks"), ("prod1", CHANGE - 60, "over")],
        first=[],
    )


def looked(settings: Settings, *moments: int) -> list[tuple[tuple[str, ...], str, str]]:
    Sent.all.clear()
    for it in moments:
        main(settings, WAYS, it)
    return [*Sent.all]


def told_at(settings: Settings) -> dict[Any, int]:
    return read(Path(settings.metrics).read_text())["coop_handover_told_timestamp_seconds"]


def pending(settings: Settings) -> int:
    return read(Path(settings.metrics).read_text())["coop_handover_pending"][()]
